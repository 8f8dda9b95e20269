"""Quarantines: what was asked for, how far it is, what it would bring."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from updates.api.serializers.base import Address, Strict
from updates.api.serializers.shapes import OffsetRange
from updates.flows.select_samples import Selection, SelectionError
from updates.models import Quarantine
from updates.models.quarantine import State

RANGES_SHOWN = 100


class SelectionSerializer(Strict):
    """Samples that meet all that is given: times from the one on and before the other."""

    event_time_from = serializers.DateTimeField(required=False)
    event_time_to = serializers.DateTimeField(required=False)
    arrived_from = serializers.DateTimeField(required=False)
    arrived_to = serializers.DateTimeField(required=False)
    first_offset = serializers.IntegerField(required=False, min_value=1)
    last_offset = serializers.IntegerField(required=False, min_value=1)
    batch_prefix = serializers.CharField(
        required=False, max_length=200, help_text="Of the Batch-Id that they were sent with."
    )
    where = serializers.DictField(
        child=serializers.CharField(max_length=1000),
        required=False,
        help_text="Value by feature; of a multivalued one, one of its values.",
    )

    def validate(self, attrs: dict[str, Any]) -> Selection:  # type: ignore[override]
        try:
            return Selection(**attrs)
        except SelectionError as error:
            raise ValidationError({error.field: str(error)}) from error


class PreviewRequest(Strict):
    """Which samples."""

    selection = SelectionSerializer()


class QuarantineRequest(PreviewRequest):
    """Which samples, and why."""

    reason = serializers.CharField(max_length=2000)


class WhySerializer(Strict):
    """Why; kept with the quarantine."""

    reason = serializers.CharField(max_length=2000)


class OutlookSerializer(serializers.Serializer):
    """What a quarantine, or lifting it, would bring and cost."""

    samples = serializers.IntegerField(help_text="Samples meant.")
    affected = serializers.ListField(
        child=serializers.IntegerField(), help_text="Versions that have learned some of them."
    )
    answered_requests = serializers.IntegerField(help_text="Scored by those versions.")
    rebuilds = serializers.BooleanField(help_text="Whether a model has to be made again.")
    serves = serializers.IntegerField(
        source="serves.number",
        default=None,
        allow_null=True,
        help_text="Version that is live until that is done.",
    )
    serves_affected = serializers.BooleanField(
        help_text="Whether that one knows them too: no clean one is kept."
    )
    age_seconds = serializers.FloatField(allow_null=True, help_text="Of that version, now.")
    base = serializers.IntegerField(
        source="base.number",
        default=None,
        allow_null=True,
        help_text="Version built on; null to begin from nothing.",
    )
    samples_to_replay = serializers.IntegerField()
    cpu_seconds = serializers.FloatField(
        allow_null=True, help_text="Expected, at the rate of former runs; null before there are."
    )
    obstacle = serializers.CharField(help_text="Why it cannot be made again; mostly empty.")


class QuarantineSerializer(serializers.ModelSerializer):
    """Samples that are left out of all learning, until it is lifted."""

    url = Address("quarantine", "recommender.slug", "pk")
    selection = SelectionSerializer()
    samples = serializers.IntegerField()
    ranges = serializers.SerializerMethodField(
        help_text=f"The first {RANGES_SHOWN} ranges of offsets."
    )
    ranges_count = serializers.SerializerMethodField()
    state = serializers.ChoiceField(
        choices=State.choices, help_text="How far models are with it, or with its lifting."
    )
    run = serializers.IntegerField(
        source="rebuild.pk",
        default=None,
        allow_null=True,
        help_text="The rebuild for it; null where there was nothing to make again.",
    )
    created_by = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )
    lifted_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = Quarantine
        fields = [
            "url",
            "id",
            "selection",
            "samples",
            "ranges",
            "ranges_count",
            "state",
            "run",
            "reason",
            "created_by",
            "created_at",
            "erases",
            "erased_at",
            "lifted_by",
            "lifted_at",
            "lift_reason",
        ]
        read_only_fields = fields

    @extend_schema_field(OffsetRange(many=True))
    def get_ranges(self, quarantine: Quarantine) -> list[dict[str, int]]:
        shown = quarantine.ranges[:RANGES_SHOWN]
        return [{"first_offset": first, "last_offset": last} for first, last in shown]

    def get_ranges_count(self, quarantine: Quarantine) -> int:
        return len(quarantine.ranges)
