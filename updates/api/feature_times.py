"""When the values of features were computed that a request carries, as its sender says.

One map for all rows of a request: their values come from one reading of a feature store. Where it
is left out nothing is known, and nothing is made up.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from updates import signals
from updates.models import Recommender

NAME = "Feature-Times"
LONGEST_HEADER = 8_000
# Another machine's clock may be so far ahead of ours.
CLOCKS_DIFFER = timedelta(minutes=1)
HEADER = OpenApiParameter(
    NAME,
    {"type": "string", "maxLength": LONGEST_HEADER},
    OpenApiParameter.HEADER,
    description="When the values of features were computed, for all rows: a JSON object of times "
    "(RFC 3339) by feature. It is measured and not stored.",
)


class FeatureTimes(serializers.DictField):
    """When the values of features were computed, by feature."""

    child = serializers.DateTimeField()


def from_header(request: Request) -> dict[str, datetime]:
    """The times that came in the header, {} of none; raises ValidationError."""
    text = request.headers.get(NAME)
    if not text:
        return {}
    try:
        given = json.loads(text) if len(text) <= LONGEST_HEADER else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        why = f"Must be a JSON object of at most {LONGEST_HEADER} characters."
        raise ValidationError({NAME: why})
    try:
        times: dict[str, datetime] = FeatureTimes().run_validation(given)
    except ValidationError as error:
        raise ValidationError({NAME: error.detail}) from error
    return times


def tell(recommender: Recommender, times: dict[str, datetime], rows: int, field: str) -> None:
    """Announce how old the values are that these rows were used with.

    field : where the times came from, for the error. Raises ValidationError for what is no feature
    and for times that are still to come.
    """
    if not (times and rows):
        return
    now = timezone.now()
    known = set(recommender.sample_schema.fields)
    errors: dict[str, Any] = {}
    for name, at in times.items():
        if name not in known:
            errors[name] = f"There is no such feature; there are {', '.join(sorted(known))}."
        elif at > now + CLOCKS_DIFFER:
            errors[name] = "Must not be in the future."
    if errors:
        raise ValidationError({field: errors})
    ages = {name: max(0.0, (now - at).total_seconds()) for name, at in times.items()}
    signals.features_used.send(
        Recommender, recommender=recommender, ages_seconds=ages, rows=rows, at=now
    )
