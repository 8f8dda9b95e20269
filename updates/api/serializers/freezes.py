"""Times in which what is learned online is not served."""

from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.models import PublishingFreeze
from updates.models.freeze import Thaw


class LookSerializer(serializers.Serializer):
    """What guardrails saw on samples, each predicted before it was learned."""

    first_offset = serializers.IntegerField()
    last_offset = serializers.IntegerField()
    samples = serializers.IntegerField(help_text="Of these, with labels that are final.")
    ne = serializers.FloatField(allow_null=True, help_text="Of the running model.")
    base_ne = serializers.FloatField(allow_null=True, help_text="Of the base version.")
    calibration = serializers.FloatField(allow_null=True, help_text="Of the running model.")
    score_shift = serializers.FloatField(allow_null=True)
    ordinary = serializers.BooleanField(
        help_text="Whether the base version did as well on them as on those before."
    )
    rising = serializers.ListField(
        child=serializers.CharField(), help_text="Guardrails by which it had got worse."
    )


class FreezeSerializer(serializers.ModelSerializer):
    """Publishing of what is learned online, from frozen to thawed."""

    run = serializers.PrimaryKeyRelatedField(
        read_only=True, allow_null=True, help_text="The session that froze it."
    )
    base = serializers.SlugRelatedField(
        slug_field="number", read_only=True, help_text="The version that is served meanwhile."
    )
    version = serializers.SlugRelatedField(
        slug_field="number",
        read_only=True,
        allow_null=True,
        help_text="The running model as it was then, kept as rejected; null where it was not "
        "finite.",
    )
    looks = LookSerializer(many=True)
    ended = serializers.ChoiceField(Thaw.choices, allow_blank=True, help_text="How it was thawed.")
    ended_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = PublishingFreeze
        fields = [
            "id",
            "run",
            "base",
            "version",
            "since",
            "reason",
            "good_offset",
            "offset",
            "looks",
            "held_looks",
            "ended_at",
            "ended",
            "ended_by",
            "end_reason",
        ]
        read_only_fields = fields


class ThawSerializer(Strict):
    """Why it is published all the same; kept with the freeze."""

    reason = serializers.CharField(max_length=2000)
