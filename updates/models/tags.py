"""Tags: short names by which recommenders are grouped."""

import re
from typing import Any

from django.core.exceptions import ValidationError

MOST_TAGS = 20
LONGEST_TAG = 30
TAG = re.compile(rf"^[a-z0-9][a-z0-9_-]{{0,{LONGEST_TAG - 1}}}$")


def check_tags(tags: Any) -> None:
    """Raise ValidationError unless it is a list of tags, each named once."""
    if not isinstance(tags, list):
        raise ValidationError('Must be a list of tags, like ["news", "eu"].')
    if len(tags) > MOST_TAGS:
        raise ValidationError(f"At most {MOST_TAGS} tags, got {len(tags)}.")
    for tag in tags:
        if not isinstance(tag, str) or not TAG.fullmatch(tag):
            raise ValidationError(
                f"{tag!r}: a tag has 1 to {LONGEST_TAG} lower-case letters, digits, hyphens and "
                "underscores, a letter or digit first."
            )
    if len(set(tags)) < len(tags):
        raise ValidationError("A tag is named twice.")
