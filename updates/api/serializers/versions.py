"""Versions and deployments."""

from typing import Any

from rest_framework import serializers

from updates.api.serializers.base import Address, Strict
from updates.api.serializers.recommenders import LearnerOptions
from updates.api.serializers.shapes import Evaluation, Range, Sparsity
from updates.models import Deployment, ModelVersion


class Component(serializers.Serializer):
    """Of one component: event time up to which it has learned, and the run that last updated it."""

    watermark = serializers.DateTimeField(allow_null=True)
    run = serializers.IntegerField()


class VersionSerializer(serializers.ModelSerializer):
    """An immutable model: what it learned from, how good and how sparse it is."""

    url = Address("version", "recommender.slug", "number")
    parent = serializers.SlugRelatedField(slug_field="number", read_only=True, allow_null=True)
    learner_options = LearnerOptions()
    learned_ranges = Range(many=True)
    components = serializers.DictField(child=Component())
    metrics = Evaluation(allow_null=True)
    sparsity = Sparsity()
    run = serializers.IntegerField(source="run.pk", default=None, allow_null=True, read_only=True)

    class Meta:
        model = ModelVersion
        fields = [
            "url",
            "number",
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

    def validate_to(self, number: int) -> Any:
        version = self.context["recommender"].versions.filter(number=number).first()
        if version is None:
            raise serializers.ValidationError(f"There is no version {number}.")
        return version
