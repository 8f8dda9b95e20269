"""What people enter on the pages; what it means is checked by the flows."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from updates.cadence import Cadence, Trigger
from updates.flows.select_samples import Selection
from updates.models import Recommender, UpdatePolicy
from updates.models.audit_event import Action, ActorKind
from updates.models.policy import EXECUTED, TRIGGER_LABELS, Strategy
from updates.models.policy_bounds import (
    BOUNDS,
    LONGEST_INTERVAL_SECONDS,
    LONGEST_WINDOW_SECONDS,
    MOST_SAMPLES,
)

EXECUTABLE = [(strategy.value, strategy.label) for strategy in EXECUTED]

FIELD_OF_TRIGGER = {
    Trigger.INTERVAL: ["interval_seconds"],
    Trigger.CRON: ["cron", "timezone"],
    Trigger.SAMPLES: ["every_samples"],
    Trigger.DRIFT: ["rest_seconds"],
    Trigger.STALENESS: ["max_ne_degradation"],
}


def _utc(label: str) -> forms.DateTimeField:
    kind = {"type": "datetime-local", "step": "1"}
    return forms.DateTimeField(required=False, label=label, widget=forms.DateTimeInput(attrs=kind))


class TriggerForm(forms.Form):
    """Start an update now."""

    strategy = forms.ChoiceField(choices=EXECUTABLE)
    window_seconds = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_WINDOW_SECONDS,
        label="Window in seconds",
        help_text="For full and local: train on the event times of the last so many seconds. Empty "
        "means the whole log for full; for local, that its components learn on.",
    )
    components = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="For local: what to update.",
    )
    reason = forms.CharField(required=False, max_length=500)

    def __init__(self, recommender: Recommender, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = recommender.component_names
        if len(names) > 1:
            self.fields["components"].choices = [(name, name) for name in names]
            return
        del self.fields["components"]
        others = [(name, label) for name, label in EXECUTABLE if name != Strategy.LOCAL]
        self.fields["strategy"].choices = others


class RollBackForm(forms.Form):
    """Back to an earlier version."""

    to = forms.ModelChoiceField(None, to_field_name="number", widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What went wrong; it is kept in the deployment history.",
    )
    hold = forms.BooleanField(
        required=False,
        label="Hold the policies",
        help_text="Until the hold ends no update of this recommender fires, so that nothing "
        "undoes the roll-back.",
    )
    hold_seconds = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", "until it is lifted"),
            (3_600, "1 hour"),
            (4 * 3_600, "4 hours"),
            (86_400, "1 day"),
            (7 * 86_400, "7 days"),
        ],
        label="Hold them for",
    )

    def clean(self) -> dict[str, Any]:
        """Without a hold there is none to end."""
        wanted = super().clean()
        return wanted if wanted.get("hold") else wanted | {"hold_seconds": None}

    def __init__(self, recommender: Recommender, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = recommender.versions.all()
        self.fields["to"].error_messages["invalid_choice"] = "There is no such version."


class QuarantineForm(forms.Form):
    """Which samples to leave out of all learning, and why; those that meet all that is given."""

    event_time_from = _utc("Event time from (UTC)")
    event_time_to = _utc("Event time before (UTC)")
    arrived_from = _utc("Arrived from (UTC)")
    arrived_to = _utc("Arrived before (UTC)")
    first_offset = forms.IntegerField(required=False, min_value=1)
    last_offset = forms.IntegerField(required=False, min_value=1)
    batch_prefix = forms.CharField(
        required=False, max_length=200, label="Sent with a Batch-Id that begins with"
    )
    where = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "device=phone"}),
        label="Features",
        help_text="feature=value, one a line; samples must have all of them.",
    )
    reason = forms.CharField(
        required=False, max_length=500, help_text="What is wrong with them; it is kept."
    )
    expected = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean_where(self) -> dict[str, str]:
        lines = [line.strip() for line in self.cleaned_data["where"].splitlines() if line.strip()]
        if wrong := next((line for line in lines if "=" not in line), None):
            raise forms.ValidationError(f"{wrong!r} is not feature=value.")
        pairs = (line.split("=", 1) for line in lines)
        return {name.strip(): value.strip() for name, value in pairs}

    @property
    def selection(self) -> Selection:
        """What was entered. Raises SelectionError."""
        others = ("reason", "expected")
        given = {name: value for name, value in self.cleaned_data.items() if name not in others}
        return Selection(**given)


class AcknowledgeForm(forms.Form):
    """Somebody is at it."""

    reason = forms.CharField(
        max_length=500, help_text="Who is at it, or why it may be; everybody who was told is told."
    )


class SilenceForm(forms.Form):
    """Nobody is told of a recommender's alerts for a while."""

    hours = forms.TypedChoiceField(
        coerce=int,
        choices=[(1, "1 hour"), (4, "4 hours"), (24, "1 day"), (72, "3 days"), (168, "7 days")],
        label="For",
    )
    reason = forms.CharField(max_length=500, help_text="It is shown with the silence.")


class SavedViewForm(forms.Form):
    """A name for a view of the fleet."""

    name = forms.CharField(max_length=60)
    query = forms.CharField(max_length=1000, required=False, widget=forms.HiddenInput)


class AuditForm(forms.Form):
    """What to look for in the audit trail."""

    q = forms.CharField(required=False, max_length=200, label="Search")
    action = forms.ChoiceField(
        required=False, choices=[("", "anything"), *((a.value, a.value) for a in Action)]
    )
    actor_kind = forms.ChoiceField(
        required=False,
        choices=[("", "anybody"), *((kind.value, kind.value) for kind in ActorKind)],
        label="By",
    )
    recommender = forms.CharField(required=False, max_length=200)
    before = forms.IntegerField(required=False, widget=forms.HiddenInput)


class CadenceForm(forms.Form):
    """When a policy fires."""

    trigger = forms.ChoiceField(choices=TRIGGER_LABELS)
    interval_seconds = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_INTERVAL_SECONDS,
        label="Seconds between updates",
    )
    cron = forms.CharField(
        required=False,
        max_length=100,
        label="Cron expression",
        help_text="minute hour day month weekday, e.g. 0 3 * * *",
    )
    timezone = forms.ChoiceField(
        required=False,
        label="Time zone",
        choices=lambda: [(name, name) for name in sorted(available_timezones())],
    )
    every_samples = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_SAMPLES, label="Samples between updates"
    )
    rest_seconds = forms.IntegerField(
        required=False,
        min_value=BOUNDS["rest_seconds"].lowest,
        max_value=BOUNDS["rest_seconds"].highest,
        label="Seconds between updates at least",
    )
    max_ne_degradation = forms.FloatField(
        required=False,
        min_value=BOUNDS["max_ne_degradation"].lowest,
        max_value=BOUNDS["max_ne_degradation"].highest,
        label="Max NE degradation",
        help_text="Also once NE is worse by this share than after promotion, e.g. 0.01; may be "
        "empty.",
    )

    @classmethod
    def of(cls, policy: UpdatePolicy) -> CadenceForm:
        """The form with the policy's present cadence."""
        return cls(initial=policy.cadence.to_json(), auto_id=f"{policy.name}-%s")

    def cadence(self) -> Cadence:
        """What was entered, the fields that the trigger does not need left out."""
        trigger = Trigger(self.cleaned_data["trigger"])
        names = FIELD_OF_TRIGGER.get(trigger, [])
        return Cadence(trigger, **{name: self.cleaned_data[name] for name in names})
