"""Canaries: versions on trial."""

from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.api.serializers.shapes import Evaluation
from updates.models import Canary
from updates.models.policy_bounds import BOUNDS
from updates.models.policy_canary import DEFAULT_SHARE


class CanarySerializer(serializers.ModelSerializer):
    """A version on trial: what it answered, and what judged it so far."""

    version = serializers.SlugRelatedField(slug_field="number", read_only=True)
    live = serializers.SlugRelatedField(
        slug_field="number", read_only=True, help_text="The version that it is compared with."
    )
    run = serializers.IntegerField(source="run_id", read_only=True, allow_null=True)
    begun_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    ended_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    metrics = Evaluation(
        allow_null=True, help_text="At the last look; null where nothing has judged it yet."
    )

    class Meta:
        model = Canary
        fields = [
            "id",
            "version",
            "live",
            "run",
            "state",
            "share",
            "reason",
            "begun_by",
            "began_at",
            "ends_at",
            "ended_at",
            "ended_by",
            "scored_requests",
            "scored_rows",
            "scored_users",
            "stale_requests",
            "first_offset",
            "judged_through",
            "judged_at",
            "metrics",
            "verdict",
        ]
        read_only_fields = fields


class BeginCanarySerializer(Strict):
    """To which share of the users, for how long, and why."""

    share = serializers.FloatField(
        default=DEFAULT_SHARE,
        min_value=BOUNDS["canary_share"].lowest,
        max_value=BOUNDS["canary_share"].highest,
        help_text="0: it answers nobody and is only judged.",
    )
    seconds = serializers.IntegerField(
        min_value=int(BOUNDS["canary_seconds"].lowest),
        max_value=int(BOUNDS["canary_seconds"].highest),
    )
    reason = serializers.CharField(max_length=2000)


class EndCanarySerializer(Strict):
    """Whether its version becomes live, and why."""

    promote = serializers.BooleanField()
    reason = serializers.CharField(max_length=2000)
