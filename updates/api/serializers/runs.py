"""Update runs."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from updates.api.serializers.base import Address, Strict
from updates.api.serializers.freezes import FreezeSerializer
from updates.api.serializers.shapes import Evaluation, Step
from updates.flows.online.outlook import outlook
from updates.flows.value import value_of
from updates.models import Recommender, RunTransition, UpdateRun
from updates.models.policy import EXECUTED
from updates.models.policy_bounds import LONGEST_WINDOW_SECONDS
from updates.models.run import RunState


class Progress(serializers.Serializer):
    """How far the phase under way is; total is null where it is not known."""

    phase = serializers.CharField(source="progress_phase")
    done = serializers.IntegerField(source="progress_done")
    total = serializers.IntegerField(source="progress_total", allow_null=True)
    per_second = serializers.FloatField(
        source="progress_per_second", allow_null=True, help_text="Lately, in this phase."
    )


class OnlineOutlook(serializers.Serializer):
    """Where an online session at work stands, and what it does next."""

    offset = serializers.IntegerField(help_text="Last offset learned.")
    backlog_samples = serializers.IntegerField(
        allow_null=True, help_text="Not learned yet; null if the log does not answer."
    )
    lag_seconds = serializers.FloatField(
        allow_null=True, help_text="Newest sample's event time − that of the newest learned."
    )
    samples_per_second = serializers.FloatField(allow_null=True, help_text="Learned lately.")
    checkpoint_offset = serializers.IntegerField(
        allow_null=True, help_text="Last offset of the newest checkpoint."
    )
    next_checkpoint_seconds = serializers.FloatField(
        allow_null=True, help_text="Null where the newest checkpoint has all that was learned."
    )
    next_version_seconds = serializers.FloatField(
        allow_null=True,
        help_text="Null where nothing was learned since the live version, and while frozen.",
    )
    frozen = FreezeSerializer(allow_null=True, help_text="Why what it learns is not served.")


class Cost(serializers.Serializer):
    """What the run has used so far; samples are those learned, replayed ones included."""

    cpu_seconds = serializers.FloatField()
    wall_seconds = serializers.FloatField()
    peak_memory_bytes = serializers.IntegerField()
    samples = serializers.IntegerField()
    samples_per_second = serializers.FloatField(allow_null=True)


class Value(serializers.Serializer):
    """What an update cost and brought, beside the last full update before it."""

    full_run = serializers.IntegerField(
        source="full.pk", default=None, allow_null=True, help_text="Null where there was none."
    )
    full_cpu_seconds = serializers.FloatField(
        source="full.cpu_seconds", default=None, allow_null=True
    )
    full_wall_seconds = serializers.FloatField(
        source="full.wall_seconds", default=None, allow_null=True
    )
    full_samples = serializers.IntegerField(source="full.samples", default=None, allow_null=True)
    cpu_share = serializers.FloatField(
        allow_null=True, help_text="CPU time of this run ÷ that of the full one."
    )
    ne_gain = serializers.FloatField(
        allow_null=True,
        help_text="NE of the version before − its own, on newest samples that neither had learned.",
    )
    ne_gain_interval = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Lowest and highest gain with 95 % confidence.",
    )
    ne_gain_per_cpu_second = serializers.FloatField(allow_null=True)
    full_ne_gain = serializers.FloatField(
        allow_null=True, help_text="That of the full update, on its own newest samples."
    )


class RunSerializer(serializers.ModelSerializer):
    """One execution of an update."""

    url = Address("update", "pk")
    recommender = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    policy = serializers.SlugRelatedField(slug_field="name", read_only=True, allow_null=True)
    components = serializers.ListField(child=serializers.CharField())
    requested_by = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )
    progress = Progress(source="*")
    cost = Cost(source="*")
    ranges = Step(many=True)
    metrics = Evaluation(allow_null=True)
    base_version = serializers.SlugRelatedField(
        slug_field="number", read_only=True, allow_null=True
    )
    result_version = serializers.SlugRelatedField(
        slug_field="number", read_only=True, allow_null=True
    )

    class Meta:
        model = UpdateRun
        fields = [
            "url",
            "id",
            "recommender",
            "policy",
            "strategy",
            "components",
            "window_seconds",
            "state",
            "requested_by",
            "reason",
            "due_at",
            "coalesced_fires",
            "queued_at",
            "started_at",
            "finished_at",
            "attempt",
            "worker",
            "progress",
            "cost",
            "ranges",
            "metrics",
            "error",
            "base_version",
            "result_version",
        ]
        read_only_fields = fields


class TransitionSerializer(serializers.ModelSerializer):
    """One move of a run."""

    by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = RunTransition
        fields = ["at", "from_state", "to_state", "why", "by"]
        read_only_fields = fields


class RunDetailSerializer(RunSerializer):
    """One execution of an update, with each of its moves."""

    transitions = TransitionSerializer(many=True, read_only=True)
    online = serializers.SerializerMethodField(help_text="Of an online session that learns.")

    value = serializers.SerializerMethodField(
        help_text="Of an update that made a version; null of full ones, the measure of the others."
    )

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "transitions", "online", "value"]
        read_only_fields = fields

    @extend_schema_field(OnlineOutlook(allow_null=True))
    def get_online(self, run: UpdateRun) -> dict[str, Any] | None:
        stands = outlook(run, timezone.now())
        return OnlineOutlook(stands).data if stands else None

    @extend_schema_field(Value(allow_null=True))
    def get_value(self, run: UpdateRun) -> dict[str, Any] | None:
        value = value_of(run)
        return Value(value).data if value else None


class RunQuery(Strict):
    """Which runs to list."""

    recommender = serializers.SlugRelatedField(
        slug_field="slug", queryset=Recommender.objects.all(), required=False
    )
    state = serializers.ChoiceField(choices=RunState.choices, required=False)


class TriggerSerializer(Strict):
    """An update to start: as a policy says, or as given here."""

    policy = serializers.SlugField(required=False)
    strategy = serializers.ChoiceField(choices=EXECUTED, required=False)
    components = serializers.ListField(child=serializers.CharField(), required=False)
    window_seconds = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_WINDOW_SECONDS
    )
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("policy" in attrs) == ("strategy" in attrs):
            raise serializers.ValidationError({"strategy": "Give either a policy or a strategy."})
        said_twice = {"components", "window_seconds"} & set(attrs) if "policy" in attrs else set()
        if said_twice:
            taken = "Comes from the policy; give a strategy instead of a policy to choose it."
            raise serializers.ValidationError(dict.fromkeys(sorted(said_twice), taken))
        return attrs

    def validate_policy(self, name: str) -> Any:
        policy = self.context["recommender"].policies.filter(name=name).first()
        if policy is None:
            raise serializers.ValidationError(f"There is no policy “{name}”.")
        return policy


class CancelSerializer(Strict):
    """Why a run is cancelled."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)
