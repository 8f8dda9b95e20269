"""The audit trail."""

from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.models import AuditEvent
from updates.models.audit_event import Action, ActorKind


class AuditQuery(Strict):
    """Which changes: all that were ever made unless said otherwise."""

    q = serializers.CharField(
        required=False, max_length=200, help_text="In who, what, of which recommender, or why."
    )
    action = serializers.ChoiceField(Action.choices, required=False)
    actor_kind = serializers.ChoiceField(ActorKind.choices, required=False)
    actor = serializers.CharField(required=False, max_length=150)
    recommender = serializers.SlugField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class AuditEventSerializer(serializers.ModelSerializer):
    """A change: who made it, when and why, and what there was before and after it."""

    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "at",
            "actor_kind",
            "actor",
            "action",
            "subject",
            "recommender",
            "why",
            "before",
            "after",
        ]
        read_only_fields = fields
