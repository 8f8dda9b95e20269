"""Small shapes that several answers hold."""

from typing import Any

from rest_framework import serializers

from updates.api.feature_times import FeatureTimes
from updates.api.serializers.base import Strict
from updates.samples.parse import MAX_ROWS


class Range(serializers.Serializer):
    """Offsets first to last, both included; of these only event times from ``event_time_from``."""

    first_offset = serializers.IntegerField()
    last_offset = serializers.IntegerField()
    event_time_from = serializers.DateTimeField(required=False)


class Step(Range):
    """What an update did with a range: fit (anew), learn (on top) or replay."""

    op = serializers.CharField()
    components = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Which learned; left out: all that samples move, or for fit all.",
    )
    without = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        required=False,
        help_text="Ranges of these offsets, first and last, that were quarantined and left out.",
    )


class OffsetRange(serializers.Serializer):
    """Offsets first to last, both included."""

    first_offset = serializers.IntegerField()
    last_offset = serializers.IntegerField()


class Quality(serializers.Serializer):
    """Quality on one set of samples; null where it is not defined."""

    samples = serializers.IntegerField()
    positives = serializers.IntegerField()
    log_loss = serializers.FloatField(allow_null=True, help_text="Nats a sample.")
    ne = serializers.FloatField(allow_null=True, help_text="Normalized entropy; lower is better.")
    auc = serializers.FloatField(allow_null=True)
    calibration = serializers.FloatField(allow_null=True, help_text="Σ predictions ÷ Σ labels.")


class SliceEvaluation(serializers.Serializer):
    """The candidate against the reference on one slice of the same samples."""

    name = serializers.CharField()
    samples = serializers.IntegerField()
    positives = serializers.IntegerField()
    candidate_ne = serializers.FloatField()
    reference_ne = serializers.FloatField()
    ne_increase = serializers.FloatField(help_text="NE of the candidate − that of the reference.")
    ne_increase_at_least = serializers.FloatField(
        allow_null=True, help_text="With 99 % confidence for all slices together."
    )


class Evaluation(serializers.Serializer):
    """The candidate against the live version on the same newest samples; null before it."""

    holdout = Range()
    candidate = Quality()
    reference = Quality(allow_null=True)
    reference_version = serializers.IntegerField(allow_null=True)
    ne_gain = serializers.FloatField(allow_null=True)
    loss_difference = serializers.FloatField(allow_null=True)
    loss_difference_standard_error = serializers.FloatField(allow_null=True)
    ne_gain_interval = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        default=None,
        help_text="Lowest and highest with 95 % confidence; samples of one user err together.",
    )
    score_shift = serializers.FloatField(
        allow_null=True,
        default=None,
        help_text="Jensen–Shannon distance between both models' scores of the same samples.",
    )
    score_ms = serializers.FloatField(
        allow_null=True, default=None, help_text="To score 100 rows, where a guardrail asks."
    )
    rounding_loss = serializers.FloatField(
        allow_null=True,
        default=None,
        help_text="Log loss that serving's coarser weights add; null where they are no coarser.",
    )
    slices = SliceEvaluation(
        many=True,
        default=list,
        help_text="Those with enough samples, where the policy limits their NE.",
    )
    coverage = serializers.FloatField(
        allow_null=True,
        default=None,
        help_text="Share of the values looked up in embeddings that had a vector of their own, "
        "over the samples learned; null of learners without embeddings.",
    )
    reported = serializers.DictField(
        child=serializers.FloatField(),
        default=dict,
        help_text="What the trainer of an external model says of it, by name.",
    )
    verdict = serializers.CharField()

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any] | None:
        return super().to_representation(instance) if instance else None


class ComponentSparsity(serializers.Serializer):
    """How sparse a component is, or a model as a whole."""

    seen = serializers.IntegerField(help_text="Distinct features met.")
    admitted = serializers.IntegerField(help_text="Features that hold parameters.")
    non_zero = serializers.IntegerField(help_text="Weights other than zero.")
    deployed_bytes = serializers.IntegerField(help_text="Bytes of what serving loads.")
    tiny_share = serializers.FloatField(help_text="Share of the non-zero weights below 0.001.")


class NamedSparsity(ComponentSparsity):
    """How sparse a component is, and what learns it."""

    algorithm = serializers.CharField(allow_blank=True, help_text='"": its learner does not say.')


class Sparsity(ComponentSparsity):
    """How sparse a model is; null of one that is trained elsewhere."""

    components = serializers.DictField(
        child=NamedSparsity(),
        default=dict,
        help_text="By component, in which a row of embeddings counts as one weight; empty: its "
        "learner does not tell them apart.",
    )

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any] | None:
        return super().to_representation(instance) if instance else None


class Refused(serializers.Serializer):
    """A refused row, by its 0-based number."""

    row = serializers.IntegerField()
    field = serializers.CharField(help_text="Empty: the row as a whole.")
    error = serializers.CharField()


class Appended(serializers.Serializer):
    """Where the good rows lie in the sample log; no offsets where none was good."""

    first_offset = serializers.IntegerField(allow_null=True)
    last_offset = serializers.IntegerField(allow_null=True)
    accepted = serializers.IntegerField()
    rejected = Refused(many=True)
    duplicate = serializers.BooleanField(help_text="The Batch-Id was known; nothing was added.")


class RowList(serializers.ListField):
    """Rows whose values are left alone here: the row reader checks them by the schema's types."""

    child = serializers.DictField()

    def run_child_validation(self, data: list[Any]) -> list[dict[str, Any]]:
        if all(isinstance(row, dict) for row in data):
            return data
        return super().run_child_validation(data)


class Rows(Strict):
    """Rows to score: as samples, without label and event time."""

    rows = RowList(min_length=1, max_length=MAX_ROWS)
    feature_times = FeatureTimes(
        required=False, help_text="When the values of features were computed, for all rows."
    )


class RecommendationsQuery(Strict):
    """Items for whom, how many, and which are left out."""

    user = serializers.CharField(max_length=1000)
    k = serializers.IntegerField(default=10, min_value=1, max_value=1000)
    seen = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=100_000,
        help_text="More items to leave out, separated by commas.",
    )
    repeats = serializers.BooleanField(
        default=False, help_text="Whether items that the user has met may be recommended again."
    )

    def validate_seen(self, names: str) -> list[str]:
        return [name for name in names.split(",") if name]


class Answered(serializers.Serializer):
    """Which version answered, and how old it is."""

    version = serializers.IntegerField()
    offset = serializers.IntegerField(help_text="Last offset that the weights have learned.")
    age_seconds = serializers.FloatField(allow_null=True, help_text="Now − watermark.")
    component_ages = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text="Now − watermark of each component; empty of a model of one.",
    )
    stale = serializers.BooleanField(
        help_text="Older than objective and grace allow, while samples wait to be learned."
    )
    fallback = serializers.CharField(
        allow_null=True,
        help_text="The recommender that answered in its place, if one did.",
    )


class RecommendedItems(Answered):
    """Items, the best first, and what gave them."""

    items = serializers.ListField(child=serializers.CharField())
    scores = serializers.ListField(
        child=serializers.FloatField(), help_text="Log-odds of each item, falling."
    )
    source = serializers.ChoiceField(
        ["client", "server"],
        help_text="Whose vector of the user: client where devices know more than training.",
    )


class Scored(Answered):
    """Probabilities of label 1, in the order of the rows, and which version gave them."""

    scores = serializers.ListField(child=serializers.FloatField(min_value=0, max_value=1))
