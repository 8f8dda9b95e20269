"""What a person asks of a what-if."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from updates.flows.what_if import (
    ADMIT_CHOICES,
    EXPIRE_CHOICES,
    FEWEST_SAMPLES,
    MOST_SAMPLES,
    MOST_SETTINGS,
    SAMPLES,
)


class WholeNumbers(forms.CharField):
    """Whole numbers, separated by commas."""

    def to_python(self, value: Any) -> list[int]:
        parts = [part.strip() for part in super().to_python(value).split(",")]
        if not all(part.isdecimal() for part in parts) or len(parts) > MOST_SETTINGS:
            raise ValidationError(f"Up to {MOST_SETTINGS} whole numbers, separated by commas.")
        return [int(part) for part in parts]


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


class WhatIfForm(forms.Form):
    """Replay by all pairs of these."""

    admit_after = WholeNumbers(
        initial=_listed(ADMIT_CHOICES), help_text="Occurrences after which a feature is admitted."
    )
    expire_after = WholeNumbers(
        initial=_listed(EXPIRE_CHOICES[:1]),
        help_text=f"Days until an unused feature goes; 0: never. Try {_listed(EXPIRE_CHOICES)}.",
    )
    samples = forms.IntegerField(
        initial=SAMPLES,
        min_value=FEWEST_SAMPLES,
        max_value=MOST_SAMPLES,
        help_text="So many of the newest; all, where there are fewer.",
    )
