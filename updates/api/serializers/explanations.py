"""Explanations of versions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from updates.api.serializers.base import Strict
from updates.explain.verdicts import Verdict
from updates.models import Explanation
from updates.models.explanation import ExplanationState


class ExplanationQuery(Strict):
    """``against``: number of another version; the version's parent unless said otherwise."""

    against = serializers.IntegerField(required=False, min_value=1)


class ValueSerializer(serializers.Serializer):
    """A value of a feature; both "" for what all samples have in common."""

    feature = serializers.CharField(allow_blank=True)
    value = serializers.CharField(allow_blank=True)
    words = serializers.CharField(help_text="As in a sentence.")


class LearnedValue(ValueSerializer):
    """A value whose rate changed beyond chance in samples that one of the versions learned."""

    samples = serializers.IntegerField(help_text="Of those samples, how many have the value.")
    observed = serializers.FloatField(
        help_text="Odds ratio of what was observed to what the version expects that has learned "
        "less, beyond what that misses anyway."
    )
    low = serializers.FloatField(help_text="Of ``observed``, with 95 % confidence.")
    high = serializers.FloatField()
    z = serializers.FloatField(help_text="In standard errors.")
    predicted = serializers.FloatField(
        help_text="Odds ratio of the version's predictions to those of ``against``, on the same "
        "samples."
    )
    taken_up = serializers.BooleanField(
        help_text="Whether predictions followed what was observed, by a tenth at least."
    )


class Mover(ValueSerializer):
    """What a value did to predictions of live traffic, in log-odds."""

    effect = serializers.FloatField(help_text="Mean over all samples, regardless of sign.")
    direction = serializers.FloatField(help_text="Mean over the samples that have it.")
    frequency = serializers.FloatField(help_text="Share of the samples that have it.")
    share = serializers.FloatField(
        help_text="Of the mean square shift; all shares add up to 1, and one against the others "
        "is negative."
    )


class FieldShare(serializers.Serializer):
    """A feature's part of the shift; "" is what no value explains."""

    feature = serializers.CharField(allow_blank=True)
    share = serializers.FloatField()


class FieldCount(serializers.Serializer):
    """How many values of a feature."""

    feature = serializers.CharField()
    count = serializers.IntegerField()


class WeightedValue(ValueSerializer):
    """A value with its weight."""

    weight = serializers.FloatField()


class ValueTurnover(serializers.Serializer):
    """Values that only one of the versions knows; null of learners that keep no names."""

    count = serializers.IntegerField()
    fields = FieldCount(many=True)  # type: ignore[assignment]
    top = WeightedValue(many=True, help_text="Those of the largest weights.")


class SliceVerdict(ValueSerializer):
    """Samples with a value: what both versions predict, and what was observed since."""

    rows = serializers.IntegerField(help_text="Of the traffic around the update.")
    against = serializers.FloatField(help_text="Mean prediction on these rows.")
    version = serializers.FloatField()
    samples = serializers.IntegerField(help_text="With a label, that neither version learned.")
    against_since = serializers.FloatField(
        allow_null=True, help_text="Mean prediction on those samples; null where there are none."
    )
    version_since = serializers.FloatField(allow_null=True)
    observed = serializers.FloatField(allow_null=True, help_text="Rate of their labels.")
    low = serializers.FloatField(allow_null=True, help_text="With 95 % confidence (Wilson).")
    high = serializers.FloatField(allow_null=True)
    verdict = serializers.ChoiceField(choices=list(Verdict))


class RankingChange(serializers.Serializer):
    """How much of the first places changed hands; null where there is no item to rank."""

    places = serializers.IntegerField()
    contexts = serializers.IntegerField()
    changed = serializers.FloatField(help_text="Share of the places that go to other items.")
    how = serializers.CharField()


class MovedValue(ValueSerializer):
    """A value whose vector moved."""

    frequency = serializers.FloatField(help_text="Share of the samples that have it.")
    moved = serializers.FloatField(
        help_text="Root mean square of the changes of its cosines to the others."
    )
    kept = serializers.FloatField(help_text="Share of its nearest neighbours that are the same.")
    gained = serializers.ListField(
        child=serializers.CharField(), help_text="Near in ``version`` only, the nearest first."
    )
    lost = serializers.ListField(
        child=serializers.CharField(), help_text="Near in ``against`` only, the nearest first."
    )


class FieldNeighbours(serializers.Serializer):
    """Nearest neighbours, by cosine, among the vectors of a field's values."""

    feature = serializers.CharField()
    places = serializers.IntegerField(help_text="So many nearest neighbours of a value.")
    of = serializers.IntegerField(help_text="Values looked at: those that come most often.")
    among = serializers.IntegerField(help_text="Values among which neighbours are looked for.")
    kept = serializers.FloatField(help_text="Share of the neighbours that are the same.")
    by_chance = serializers.FloatField(
        allow_null=True,
        help_text="What share would be the same where nothing has changed; null where that is not "
        "measured.",
    )
    how = serializers.CharField(help_text="How ``by_chance`` was measured, or why it was not.")
    movers = MovedValue(many=True, help_text="Those that moved most, by how often they come.")


class UpdateWorth(serializers.Serializer):
    """NE of both versions on the samples since, which neither learned; null where too few."""

    samples = serializers.IntegerField()
    against_ne = serializers.FloatField(allow_null=True)
    version_ne = serializers.FloatField(allow_null=True)
    ne_difference = serializers.FloatField(allow_null=True, help_text="Below 0: it was worth it.")
    low = serializers.FloatField(
        allow_null=True, help_text="Of the difference, with 95 % confidence (paired bootstrap)."
    )
    high = serializers.FloatField(allow_null=True)
    loss_difference = serializers.FloatField(allow_null=True, help_text="Nats a sample.")


class SampleSpan(serializers.Serializer):
    """Samples that were looked at; ``labelled``: with a label that is final."""

    first_offset = serializers.IntegerField(allow_null=True)
    last_offset = serializers.IntegerField(allow_null=True)
    samples = serializers.IntegerField()
    labelled = serializers.IntegerField()


class SampleSpans(serializers.Serializer):
    """What both versions learned, what one of them did, and what neither did."""

    before = SampleSpan()
    news = SampleSpan()
    since = SampleSpan()


class ExplanationContent(serializers.Serializer):
    """What a version learned."""

    sentences = serializers.ListField(child=serializers.CharField())
    learned = LearnedValue(many=True)
    movers = Mover(many=True)
    fields = FieldShare(many=True)  # type: ignore[assignment]
    mean_shift = serializers.FloatField(help_text="Mean of |shift|, in log-odds.")
    attribution = serializers.CharField(help_text="How the shift was attributed to values.")
    born = ValueTurnover(allow_null=True)
    died = ValueTurnover(allow_null=True)
    slices = SliceVerdict(many=True)
    top_k = RankingChange(allow_null=True)
    neighbours = FieldNeighbours(
        many=True,
        required=False,
        help_text="Of learners with vectors of values; left out where an earlier release worked it "
        "out.",
    )
    worth = UpdateWorth()
    samples = SampleSpans()


class ExplanationSerializer(serializers.ModelSerializer):
    """What a version learned against another; ``content`` is null until it is worked out first,
    and the last one while it is queued again."""

    version = serializers.IntegerField(source="version.number")
    against = serializers.IntegerField(source="against.number")
    state = serializers.ChoiceField(choices=ExplanationState.choices)
    content = serializers.SerializerMethodField()

    class Meta:
        model = Explanation
        fields = [
            "version",
            "against",
            "state",
            "error",
            "computed_at",
            "through_offset",
            "cpu_seconds",
            "content",
        ]
        read_only_fields = fields

    @extend_schema_field(ExplanationContent(allow_null=True))
    def get_content(self, explanation: Explanation) -> dict[str, Any] | None:
        return explanation.content or None
