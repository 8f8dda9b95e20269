"""What people enter to put a version on trial, and to end that."""

from __future__ import annotations

from django import forms

from updates.models.policy_bounds import BOUNDS
from updates.models.policy_canary import DEFAULT_SHARE

HOUR = 3600


class CanaryForm(forms.Form):
    """Put a version on trial."""

    share = forms.FloatField(
        initial=DEFAULT_SHARE,
        validators=BOUNDS["canary_share"].validators,
        widget=forms.NumberInput(attrs={"min": 0, "max": 0.5, "step": "any"}),
        help_text="Share of the users whose requests it answers, 0 to 0.5. 0: nobody's; it is only "
        "judged.",
    )
    seconds = forms.IntegerField(
        initial=HOUR,
        validators=BOUNDS["canary_seconds"].validators,
        help_text="For so long; updates of this recommender wait meanwhile.",
    )
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class EndCanaryForm(forms.Form):
    """End a trial before the time."""

    promote = forms.TypedChoiceField(
        choices=[("yes", "Promote it"), ("no", "Do not")], coerce=lambda value: value == "yes"
    )
    reason = forms.CharField(max_length=500)
