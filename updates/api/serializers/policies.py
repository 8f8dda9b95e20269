"""Update policies and the receipts of their cadence changes."""

from dataclasses import fields
from typing import Any

from rest_framework import serializers

from updates.api.serializers.base import Address, Clean, Strict
from updates.cadence import Cadence
from updates.flows.create_policy import create_policy
from updates.models import CadenceChange, UpdatePolicy
from updates.models.policy import CLIENT_FIELDS, ONLINE_CADENCE, TRIGGER_LABELS
from updates.models.policy_guardrails import GUARDRAILS

CADENCE = [field.name for field in fields(Cadence) if field.name != "trigger"]
# What an operator may change; the rest is configuration.
OPERABLE = {"trigger", *CADENCE, *ONLINE_CADENCE, "refresh_seconds", "enabled"}


class CadenceSerializer(Strict, serializers.ModelSerializer):
    """When it fires: what its trigger needs."""

    class Meta:
        model = UpdatePolicy
        fields = CADENCE


class GuardrailsSerializer(Strict, serializers.ModelSerializer):
    """What a candidate must fulfil to be promoted."""

    class Meta:
        model = UpdatePolicy
        fields = GUARDRAILS


class PolicySerializer(Clean):
    """What to update, how, when, from which data and under which guardrails."""

    url = Address("policy", "recommender.slug", "name")
    components = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Parts of the model to update; empty means all.",
    )
    cadence = CadenceSerializer(source="*", required=False)
    guardrails = GuardrailsSerializer(source="*", required=False)

    class Meta:
        model = UpdatePolicy
        fields = [
            "url",
            "name",
            "strategy",
            "components",
            "trigger",
            "cadence",
            "window_seconds",
            "replay_fraction",
            *ONLINE_CADENCE,
            *CLIENT_FIELDS,
            "guardrails",
            "canary_seconds",
            "canary_share",
            "enabled",
            "hold_reason",
            "hold_until",
            "next_due_at",
            "last_due_at",
            "skipped_fires",
            "created_at",
        ]
        read_only_fields = [
            "hold_reason",
            "hold_until",
            "next_due_at",
            "last_due_at",
            "skipped_fires",
        ]

    def blank(self) -> UpdatePolicy:
        return UpdatePolicy(recommender=self.context["recommender"])

    def nest(self, errors: dict[str, list[str]]) -> dict[str, Any]:
        nested: dict[str, Any] = {}
        for field, problems in errors.items():
            group = {**dict.fromkeys(CADENCE, "cadence"), **dict.fromkeys(GUARDRAILS, "guardrails")}
            target = nested.setdefault(group[field], {}) if field in group else nested
            target[field] = problems
        return nested

    def create(self, validated_data: dict[str, Any]) -> UpdatePolicy:
        policy = UpdatePolicy(recommender=self.context["recommender"], **validated_data)
        return create_policy(policy, by=self.context["request"].user)


class CadenceValue(serializers.Serializer):
    """A cadence as a value."""

    trigger = serializers.ChoiceField(TRIGGER_LABELS)
    interval_seconds = serializers.IntegerField(allow_null=True)
    cron = serializers.CharField(allow_blank=True)
    timezone = serializers.CharField()
    every_samples = serializers.IntegerField(allow_null=True)
    rest_seconds = serializers.IntegerField(allow_null=True, default=None)
    max_ne_degradation = serializers.FloatField(allow_null=True, default=None)


class ReceiptSerializer(serializers.ModelSerializer):
    """What a cadence change did: the next fires before and after it."""

    before = CadenceValue()
    after = CadenceValue()
    fires_before = serializers.ListField(child=serializers.DateTimeField())
    fires_after = serializers.ListField(child=serializers.DateTimeField())

    class Meta:
        model = CadenceChange
        fields = ["changed_at", "before", "after", "fires_before", "fires_after", "claimed_due_at"]


class ChangedPolicySerializer(PolicySerializer):
    """A policy with the receipt of the change; null where the cadence stayed as it was."""

    receipt = ReceiptSerializer(allow_null=True, read_only=True)

    class Meta(PolicySerializer.Meta):
        fields = [*PolicySerializer.Meta.fields, "receipt"]
