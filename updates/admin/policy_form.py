"""The form of a policy, for one recommender; and the form behind the preview of its cadence."""

from dataclasses import fields
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.forms.models import model_to_dict
from django.http import QueryDict

from updates.admin.forms import HelpfulForm
from updates.cadence import Cadence, Trigger
from updates.models import Recommender, UpdatePolicy
from updates.models.policy import CLIENT_FIELDS, ONLINE_CADENCE, Strategy
from updates.models.policy_canary import ON_TRIAL

CADENCE_FIELDS = [field.name for field in fields(Cadence)]
# What an operator may change, as over the API; the rest is configuration.
OPERABLE = {*CADENCE_FIELDS, *ONLINE_CADENCE, "refresh_seconds", "enabled"}
# Which values of a select a field goes with; beside others it is not read.
GOES_WITH = {
    "interval_seconds": {"trigger": Trigger.INTERVAL},
    "cron": {"trigger": Trigger.CRON},
    "timezone": {"trigger": Trigger.CRON},
    "every_samples": {"trigger": Trigger.SAMPLES},
    "rest_seconds": {"trigger": Trigger.DRIFT},
    "max_ne_degradation": {"trigger": Trigger.STALENESS},
    "window_seconds": {"strategy": [Strategy.FULL, Strategy.LOCAL]},
    "replay_fraction": {"strategy": Strategy.INCREMENTAL},
    "canary_seconds": {"strategy": ON_TRIAL},
    "canary_share": {"strategy": ON_TRIAL},
    "sync_interval_ms": {"strategy": Strategy.ONLINE},
    "checkpoint_seconds": {"strategy": Strategy.ONLINE},
    "version_every_minutes": {"strategy": Strategy.ONLINE},
    **{field: {"strategy": Strategy.CLIENT} for field in CLIENT_FIELDS},
}
FOR_ADMINS = "Configuration: only admins change it."


def time_zones() -> list[tuple[str, str]]:
    """UTC, then all others by name."""
    return [(name, name) for name in ("UTC", *sorted(available_timezones() - {"UTC"}))]


class PolicyForm(HelpfulForm):
    """Set ``recommender`` and ``may_configure`` in a subclass (``for_request`` of the admin)."""

    recommender_given: Recommender
    may_configure = True

    timezone = forms.ChoiceField(
        choices=time_zones,
        initial="UTC",
        label="Time zone",
        help_text="For trigger cron: the time zone that the expression is read in.",
    )
    components = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Parts of the model to update; none ticked means all. Strategy local needs some.",
    )

    class Meta:
        model = UpdatePolicy
        fields = "__all__"
        labels = {"max_ne_increase": "Max NE increase"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "recommender" not in self.fields:
            return  # those who may only look have no fields to fill in
        recommender = self.recommender_given
        components = recommender.learner_class.components
        self.fields["components"].choices = [(name, name) for name in components]
        self.fields["recommender"].queryset = Recommender.objects.filter(pk=recommender.pk)
        self.initial["recommender"] = recommender.pk
        self.fix("recommender", "Fixed.")
        self.fields["recommender"].widget = forms.Select(choices=[(recommender.pk, recommender)])
        if not self.may_configure:
            for name in set(self.fields) - OPERABLE:
                self.fix(name, FOR_ADMINS)


class CadencePreviewForm(forms.ModelForm):
    """The fields that decide when a policy fires, out of a whole form that may still have errors;
    what was not sent is as stored."""

    class Meta:
        model = UpdatePolicy
        fields = [*CADENCE_FIELDS, "strategy", "window_seconds"]

    def __init__(self, data: QueryDict, instance: UpdatePolicy) -> None:
        stored = model_to_dict(instance, self.Meta.fields)
        super().__init__(stored | {"strategy": Strategy.FULL} | data.dict(), instance=instance)
