"""Versions and deployments."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from updates.api.serializers.base import Address, Strict
from updates.api.serializers.recommenders import LearnerOptions
from updates.api.serializers.shapes import Evaluation, Quality, Range, Sparsity
from updates.api.serializers.trainers import SHA256, few_metrics, trainer_metrics
from updates.flows.report_version import ReportedVersion
from updates.flows.roll_back import LONGEST_HOLD_SECONDS
from updates.models import Deployment, ModelVersion
from updates.models.version import LONGEST_NAME


class Component(serializers.Serializer):
    """How far one component has learned, and who made it so."""

    watermark = serializers.DateTimeField(
        allow_null=True, help_text="Event time up to which it has learned."
    )
    next_offset = serializers.IntegerField(help_text="The first offset that it has not learned.")
    run = serializers.IntegerField(allow_null=True, help_text="The run that moved it last.")
    begun_by = serializers.IntegerField(
        allow_null=True, help_text="The run that began it anew; null where that is not known."
    )
    space_id = serializers.CharField(
        allow_null=True, help_text="Space that it makes or lives in; null where there is none."
    )


class VersionSerializer(serializers.ModelSerializer):
    """An immutable model: what it learned from, how good and how sparse it is."""

    url = Address("version", "recommender.slug", "number")
    parent = serializers.SlugRelatedField(slug_field="number", read_only=True, allow_null=True)
    learner_options = LearnerOptions()
    learned_ranges = Range(many=True)
    components = serializers.SerializerMethodField()
    metrics = Evaluation(allow_null=True)
    sparsity = Sparsity(allow_null=True)
    run = serializers.IntegerField(source="run.pk", default=None, allow_null=True, read_only=True)

    class Meta:
        model = ModelVersion
        fields = [
            "url",
            "number",
            "name",
            "state",
            "state_reason",
            "parent",
            "run",
            "learner",
            "learner_options",
            "digest",
            "artifact_bytes",
            "watermark",
            "next_offset",
            "learned_ranges",
            "components",
            "metrics",
            "sparsity",
            "created_at",
            "pruned_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=Component()))
    def get_components(self, version: ModelVersion) -> dict[str, Any]:
        return {name: Component(version.component(name)).data for name in version.components}


class ReportedVersionSerializer(Strict):
    """A model that was made elsewhere, as its trainer tells of it."""

    name = serializers.CharField(
        max_length=LONGEST_NAME, help_text="As predictions name it; never used again."
    )
    watermark = serializers.DateTimeField(help_text="Newest event time that it has learned.")
    trained_since = serializers.DateTimeField(
        required=False, allow_null=True, help_text="The oldest; left out: all before it."
    )
    metrics = trainer_metrics()
    uri = serializers.CharField(
        required=False, max_length=2_000, help_text="Where it lies; it is not fetched."
    )
    sha256 = serializers.RegexField(SHA256, required=False, help_text="Of what lies there.")

    def validate_name(self, name: str) -> str:
        if not name.isprintable():
            raise serializers.ValidationError("Must be printable.")
        return name

    validate_metrics = few_metrics

    def validate(self, attrs: dict[str, Any]) -> ReportedVersion:
        return ReportedVersion(**{k: v for k, v in attrs.items() if v is not None})


class DeploymentSerializer(serializers.ModelSerializer):
    """Which version was live from when to when, who moved it and why."""

    version = serializers.SlugRelatedField(slug_field="number", read_only=True)
    previous = serializers.SlugRelatedField(slug_field="number", read_only=True, allow_null=True)
    moved_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    run = serializers.IntegerField(source="run_id", read_only=True, allow_null=True)

    class Meta:
        model = Deployment
        fields = [
            "id",
            "version",
            "previous",
            "kind",
            "reason",
            "moved_by",
            "run",
            "started_at",
            "ended_at",
            "scored_requests",
            "scored_rows",
            "scored_users",
            "stale_requests",
        ]
        read_only_fields = fields


class DeploymentQuery(Strict):
    """``at``: only the deployment that was live at that time."""

    at = serializers.DateTimeField(required=False)


class ReasonSerializer(Strict):
    """Why; kept with the deployment."""

    reason = serializers.CharField(max_length=2000)


class RollBackSerializer(ReasonSerializer):
    """Back to which version; ``hold`` pauses the policies that would undo it."""

    to = serializers.IntegerField(min_value=1, help_text="Number of a version that was live.")
    hold = serializers.BooleanField(default=False)
    hold_seconds = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_HOLD_SECONDS,
        help_text="The hold ends by itself after so long; left out: when somebody lifts it.",
    )

    def validate_to(self, number: int) -> Any:
        version = self.context["recommender"].versions.filter(number=number).first()
        if version is None:
            raise serializers.ValidationError(f"There is no version {number}.")
        return version


class RollBackQuery(Strict):
    """``to``: the version that one would go back to."""

    to = serializers.IntegerField(min_value=1)


class RollBackJudged(serializers.Serializer):
    """Both versions on the same samples, which neither has learned."""

    first_offset = serializers.IntegerField()
    last_offset = serializers.IntegerField()
    live = Quality()
    to = Quality()
    verdict = serializers.CharField()
    ne_increase = serializers.FloatField(
        source="difference.ne_increase", help_text="NE after the roll-back less that of now."
    )
    ne_increase_at_least = serializers.FloatField(
        source="difference.ne_increase_at_least", help_text="The same less its noise, at 99 %."
    )


class RollBackCostSerializer(serializers.Serializer):
    """What a roll-back would take back."""

    live = serializers.IntegerField(source="live.number")
    to = serializers.IntegerField(source="to.number")
    samples = serializers.IntegerField(
        help_text="Learned by the live version and not by the other; they stay in the log."
    )
    age_seconds = serializers.FloatField(allow_null=True)
    age_after_seconds = serializers.FloatField(allow_null=True)
    requests = serializers.IntegerField(help_text="Answered by what would be taken back.")
    rows = serializers.IntegerField()
    users = serializers.IntegerField(
        allow_null=True,
        help_text="Answered by it, each counted once, within 1 %; null where none was named.",
    )
    judged = RollBackJudged(
        allow_null=True, help_text="Which predicts better; null where not_judged says why not."
    )
    not_judged = serializers.CharField(allow_blank=True)
