"""Servers of other teams, the events that they are told, and what they say of these."""

from __future__ import annotations

from django.utils import timezone
from rest_framework import serializers

from updates.api.serializers.base import Clean, Strict
from updates.flows.acknowledge import Acknowledged
from updates.flows.deployment_events import LONGEST_WAIT_SECONDS
from updates.models import ServingTarget
from updates.models.deployment import DeploymentKind
from updates.models.serving_target import LONGEST_ERROR, TargetState

LARGEST_ID = 2**63 - 1


class EventFile(serializers.Serializer):
    """A file of the version, at ``…/versions/{version}/artifact/{name}``."""

    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()


class Event(serializers.Serializer):
    """A move of the live version, as webhooks bring it too."""

    id = serializers.IntegerField(help_text="Grows; not dense.")
    kind = serializers.ChoiceField(DeploymentKind.choices)
    recommender = serializers.CharField()
    version = serializers.IntegerField(help_text="What is to be served from now on.")
    previous_version = serializers.IntegerField(allow_null=True)
    digest = serializers.CharField(help_text="SHA-256 of the version's manifest.json.")
    learner = serializers.CharField()
    watermark = serializers.DateTimeField(
        allow_null=True, help_text="Event time up to which it has learned."
    )
    files = serializers.DictField(
        child=EventFile(),
        allow_null=True,
        help_text="By name, manifest.json among them; null where the manifest cannot be read.",
    )
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class Events(serializers.Serializer):
    """Events in their order."""

    events = Event(many=True)
    ask_again_seconds = serializers.IntegerField(
        help_text="0, unless too many wait already: then there was no waiting."
    )


class EventsQuery(serializers.Serializer):
    """Which events, and how long to wait for one."""

    after = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST_ID,
        help_text="The last event that you know, 0 for all; without it, the newest alone.",
    )
    wait_seconds = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=LONGEST_WAIT_SECONDS,
        help_text="Where there is none yet, wait for one for so long. Goes with after.",
    )


class AcknowledgeRequest(Strict):
    """What became of an event."""

    target = serializers.CharField(max_length=60, help_text="The server's name.")
    state = serializers.ChoiceField(Acknowledged.choices)
    version = serializers.IntegerField(
        min_value=0, help_text="Of the event, so that both sides know what they speak of."
    )
    error = serializers.CharField(
        max_length=LONGEST_ERROR, allow_blank=True, default="", help_text="Why it failed."
    )


class TargetSerializer(Clean):
    """A server of yours, what it serves, and whether its address takes events."""

    name = serializers.SlugField(max_length=60)
    state = serializers.SerializerMethodField()
    version = serializers.IntegerField(
        source="swapped.version.number",
        default=None,
        read_only=True,
        allow_null=True,
        help_text="What it serves, as it says; null where it has not said.",
    )
    behind = serializers.IntegerField(
        read_only=True, help_text="How many deployments followed the one that it swapped to."
    )
    behind_since = serializers.DateTimeField(read_only=True, allow_null=True)
    told = serializers.IntegerField(
        source="told_id", read_only=True, allow_null=True, help_text="Event that its url took last."
    )

    class Meta:
        model = ServingTarget
        fields = [
            "name",
            "url",
            "enabled",
            "swap_within_seconds",
            "state",
            "version",
            "behind",
            "behind_since",
            "error",
            "swapped_at",
            "reported_at",
            "told",
            "told_at",
            "attempts",
            "problem",
            "created_at",
            "rotated_at",
        ]
        read_only_fields = [
            "error",
            "swapped_at",
            "reported_at",
            "told_at",
            "attempts",
            "problem",
            "created_at",
            "rotated_at",
        ]

    def get_state(self, target: ServingTarget) -> TargetState:
        return target.state(timezone.now())

    def blank(self) -> ServingTarget:
        return ServingTarget(recommender=self.context["recommender"])

    def create(self, validated_data: dict[str, object]) -> ServingTarget:
        return ServingTarget.objects.create(
            recommender=self.context["recommender"], **validated_data
        )


class TargetChange(TargetSerializer):
    """What can be changed of a server; its name stays."""

    name = None

    class Meta(TargetSerializer.Meta):
        fields = [name for name in TargetSerializer.Meta.fields if name != "name"]


class Secrets(serializers.Serializer):
    """Shown this once: nobody sees them again, only others can be made."""

    secret = serializers.CharField(read_only=True, help_text="What its events are signed with.")
    token = serializers.CharField(
        read_only=True, help_text="It sends this as `Authorization: Target …`."
    )


class NewTargetSerializer(Secrets, TargetSerializer):
    """A server with its secrets, which are shown this once."""

    class Meta(TargetSerializer.Meta):
        fields = [*TargetSerializer.Meta.fields, "secret", "token"]
