"""The API's account of births and deaths of features, and of memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from monitoring import metrics
from monitoring.sparsity.forecast import Law
from monitoring.sparsity.memory import LimitState, Memory
from monitoring.sparsity.models import FeatureTurnover

SPARSITY_SERIES = (
    metrics.NON_ZERO_WEIGHTS,
    metrics.SEEN_FEATURES,
    metrics.ADMITTED_FEATURES,
    metrics.DEPLOYED_BYTES,
    metrics.TINY_SHARE,
    metrics.FEATURES_BORN,
    metrics.FEATURES_DIED,
    metrics.FEATURES_REBORN,
)
COMPONENT_SERIES = (
    metrics.COMPONENT_ROWS,
    metrics.COMPONENT_NON_ZERO,
    metrics.COMPONENT_DEPLOYED_BYTES,
    metrics.COMPONENT_TINY_SHARE,
)


class FeatureWeight(serializers.Serializer):
    """A feature value and its weight."""

    field = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    weight = serializers.FloatField()


class TurnoverSerializer(serializers.ModelSerializer):
    """Features that came, went and came back when a version went live, the heaviest by name."""

    version = serializers.IntegerField(source="deployment.version.number")
    at = serializers.DateTimeField(source="deployment.started_at")
    born_examples = FeatureWeight(many=True)
    died_examples = FeatureWeight(many=True, help_text="With the weights that they had.")
    reborn_examples = FeatureWeight(many=True)

    class Meta:
        model = FeatureTurnover
        fields = [
            "version",
            "at",
            "born",
            "died",
            "reborn",
            "born_examples",
            "died_examples",
            "reborn_examples",
        ]


class SizeSerializer(serializers.Serializer):
    """A live version: when it was made, samples learned by then, bytes."""

    at = serializers.DateTimeField()
    samples = serializers.IntegerField()
    deployed_bytes = serializers.IntegerField(help_text="That serving loads.")
    saved_bytes = serializers.IntegerField(help_text="Of the files that learning goes on from.")


class AheadSerializer(serializers.Serializer):
    """Deployed bytes expected at a time to come, and their 95 % interval."""

    at = serializers.DateTimeField()
    bytes = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class GrowthSerializer(serializers.Serializer):
    """How deployed bytes grow with samples."""

    law = serializers.ChoiceField(choices=list(Law), help_text="The better one, held out.")
    exponent = serializers.FloatField(help_text="Bytes grow as samples to this power.")
    errors = serializers.DictField(
        child=serializers.FloatField(),
        help_text="Of both laws, the mean distance of logarithms on the newest fifth.",
    )
    samples_per_day = serializers.FloatField()
    ahead = AheadSerializer(many=True)


class MemorySerializer(serializers.Serializer):
    """Memory of the live version over time, and when it reaches its limit."""

    state = serializers.ChoiceField(choices=list(LimitState))
    limit_bytes = serializers.IntegerField(allow_null=True)
    reached_at = serializers.DateTimeField(allow_null=True, help_text="null: not within a year.")
    earliest = serializers.DateTimeField(allow_null=True)
    latest = serializers.DateTimeField(allow_null=True)
    measured = SizeSerializer(many=True)
    growth = GrowthSerializer(allow_null=True, help_text="null: too few versions were live.")


def memory_to_json(found: Memory) -> dict[str, Any]:
    """The form that the API answers."""
    growth = found.growth
    return {
        "state": found.state,
        "limit_bytes": found.limit,
        "reached_at": found.reached_at,
        "earliest": found.earliest,
        "latest": found.latest,
        "measured": [
            {
                "at": _moment(size.at),
                "samples": size.samples,
                "deployed_bytes": size.bytes,
                "saved_bytes": saved,
            }
            for size, saved in zip(found.sizes, found.saved, strict=True)
        ],
        "growth": growth
        and {
            "law": growth.law,
            "exponent": growth.exponent,
            "errors": growth.errors,
            "samples_per_day": growth.samples_per_day,
            "ahead": [one._asdict() | {"at": _moment(one.at)} for one in growth.ahead],
        },
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
