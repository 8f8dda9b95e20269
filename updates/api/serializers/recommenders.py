"""Recommenders."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from updates.api.serializers.base import Address, Clean, Strict
from updates.api.serializers.canaries import CanarySerializer
from updates.models import Recommender
from updates.models.log_owner import OF_THE_LOG
from updates.models.tags import MOST_TAGS, TAG, check_tags
from updates.samples.schema import SampleSchema, SchemaError

FRESHNESS_STATES = [
    ("fresh", "age ≤ objective"),
    ("aging", "age ≤ objective + grace"),
    ("stale", "older"),
    ("idle", "no sample waits to be learned, whatever the age"),
    ("unknown", "nothing is live"),
]
FRESHNESS_CAUSES = [
    ("none", "nothing is in the way, or the age is within the objective"),
    ("sync-broken", "a running process does not serve what it should"),
    ("worker-dead", "runs wait, and no worker takes them"),
    ("backlog", "samples wait to be learned"),
    ("labels-pending", "no sample waits; impressions wait for their labels"),
    ("no-traffic", "no sample arrived for longer than the objective"),
]


class LearnerOptions(serializers.DictField):
    """Options of the learner; left out means its default."""


class Schema(Strict):
    """Fields of a sample by kind."""

    user = serializers.CharField(allow_null=True, required=False)
    item = serializers.CharField(allow_null=True, required=False)
    categorical = serializers.ListField(child=serializers.CharField(), required=False)
    numeric = serializers.ListField(child=serializers.CharField(), required=False)
    multivalued = serializers.ListField(child=serializers.CharField(), required=False)
    crosses = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2),
        required=False,
    )
    prediction = serializers.CharField(
        required=False,
        help_text="Field with the probability that was predicted, where others than recadmin do.",
    )
    version = serializers.CharField(
        required=False, help_text="Field that names the model that predicted it."
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            return SampleSchema.from_json(data).to_json()
        except SchemaError as error:
            raise ValidationError(
                {error.key: error.problem} if error.key else str(error)
            ) from error

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        return instance


class SliceRule(Strict):
    """The model says what is wrong with it, as in the admin."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        return instance


Slice = type(
    "Slice",
    (SliceRule,),
    {
        "__doc__": "A part of the traffic that is judged on its own, by one rule: new and days; "
        "or feature with in; or feature with from, to or both.",
        "name": serializers.CharField(),
        "new": serializers.CharField(
            required=False, help_text="Rows whose value of this field was first met lately."
        ),
        "days": serializers.FloatField(required=False, help_text="So long a value is new."),
        "feature": serializers.CharField(required=False),
        "in": serializers.ListField(child=serializers.CharField(), required=False),
        "from": serializers.FloatField(required=False),
        "to": serializers.FloatField(required=False),
    },
)


class Freshness(serializers.Serializer):
    """How fresh the live version is at the time of the answer."""

    state = serializers.ChoiceField(FRESHNESS_STATES)
    cause = serializers.ChoiceField(FRESHNESS_CAUSES, help_text="Why nothing fresh comes.")
    age_seconds = serializers.FloatField(allow_null=True, help_text="Now − watermark.")
    lag_seconds = serializers.FloatField(
        allow_null=True, help_text="Newest sample's event time − watermark; 0 if nothing waits."
    )
    backlog_samples = serializers.IntegerField(
        allow_null=True, help_text="Samples not learned yet; null if the log does not answer."
    )
    objective_seconds = serializers.IntegerField()
    grace_seconds = serializers.IntegerField()


class RecommenderSerializer(Clean):
    """A deployed model: what it learns, how its samples look, how fresh it must be."""

    url = Address("recommender", "slug")
    learner = serializers.CharField(help_text="The kind of model.")
    learner_options = LearnerOptions(required=False)
    schema = Schema(required=False, help_text="Of a challenger its champion's; it may be left out.")
    challenges = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Recommender.objects.all(),
        required=False,
        allow_null=True,
        help_text="The champion that it challenges, whose samples it learns; fixed. What decides "
        "how samples look and are made is the champion's, and may be left out.",
    )
    fallback = serializers.SlugRelatedField(
        slug_field="slug", queryset=Recommender.objects.all(), required=False, allow_null=True
    )
    tags = serializers.ListField(
        child=serializers.RegexField(TAG),
        required=False,
        max_length=MOST_TAGS,
        validators=[check_tags],
        help_text="Short lower-case names to find it by, such as its team or surface.",
    )
    component_objectives = serializers.DictField(
        child=serializers.IntegerField(min_value=1),
        required=False,
        help_text="Freshness objectives of components that have their own, in seconds.",
    )
    slices = Slice(
        many=True,
        required=False,
        help_text="Parts of the traffic that are judged on their own; at most 12.",
    )
    live_version = serializers.IntegerField(
        source="live_version.number", default=None, read_only=True, allow_null=True
    )
    freshness = Freshness(read_only=True)
    canary = CanarySerializer(
        read_only=True, allow_null=True, help_text="The version on trial; null where none is."
    )

    class Meta:
        model = Recommender
        fields = [
            "url",
            "slug",
            "name",
            "tags",
            "learner",
            "learner_options",
            "schema",
            "challenges",
            "freshness_objective_seconds",
            "grace_seconds",
            "freshness_slo",
            "when_stale",
            "fallback",
            "feature_objective_seconds",
            "component_objectives",
            "keep_versions",
            "slices",
            "memory_limit_bytes",
            "delayed_feedback",
            "negative_sampling_rate",
            "join_window_seconds",
            "feedback_horizon_seconds",
            "early_feedback_seconds",
            "live_version",
            "canary",
            "freshness",
            "created_at",
        ]
        # A taken slug is the database's to refuse: asking first would only open a race.
        extra_kwargs = {"slug": {"validators": []}}

    def to_internal_value(self, data: Any) -> Any:
        if self.instance is None and isinstance(data, Mapping):
            named = data.get("challenges")
            if isinstance(named, str) and (found := Recommender.objects.filter(slug=named).first()):
                data = {name: getattr(found, name) for name in OF_THE_LOG} | {**data}
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None and "schema" not in attrs:
            raise ValidationError({"schema": "This field is required."})
        return super().validate(attrs)

    def validate_slug(self, slug: str) -> str:
        if self.instance and slug != self.instance.slug:
            raise ValidationError("Is fixed: it names the recommender in addresses.")
        return slug
