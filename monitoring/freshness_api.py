"""The API's freshness: now, of each component, and of each process that serves."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.budget import SHOWN, windows
from monitoring.components import ComponentFreshness, components
from monitoring.feature_ages import FeatureAge, recent
from monitoring.feature_problems import problems_now
from monitoring.fleet import fleet_freshness, live_facts, log_heads
from monitoring.obstacles import in_the_way
from monitoring.served import served_facts, with_sync
from monitoring.servers import servers
from updates.api.serializers.recommenders import Freshness
from updates.api.views.base import OfRecommender
from updates.flows.follow_predictions import named_lately
from updates.models import Recommender
from updates.models.serving_report import SyncState
from updates.models.serving_target import TargetState
from updates.samples.durable import LogUnavailable


class Serving(serializers.Serializer):
    """What one serving process serves; ``error`` says why it is not the wanted version."""

    process = serializers.CharField(help_text="host:pid")
    wanted = serializers.IntegerField(source="wanted.number")
    served = serializers.IntegerField(source="served.number", default=None, allow_null=True)
    error = serializers.CharField(allow_blank=True)
    sync = serializers.ChoiceField(
        SyncState.choices, help_text="Whether it follows online learning."
    )
    followed_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when it follows online learning."
    )
    synced_at = serializers.DateTimeField(
        allow_null=True, help_text="When it last had everything that had been sent to serving."
    )
    offset = serializers.IntegerField(
        allow_null=True, help_text="Last offset that the weights it serves have learned."
    )
    sequence = serializers.IntegerField(
        allow_null=True, help_text="Number of the newest delta applied; null where none was."
    )
    gaps_healed = serializers.IntegerField(
        help_text="How often it missed deltas and caught up from a checkpoint."
    )
    reported_at = serializers.DateTimeField()


class ServerNow(serializers.Serializer):
    """What one server that is not ours serves, as it says."""

    name = serializers.CharField(source="target.name")
    state = serializers.ChoiceField(TargetState.choices)
    version = serializers.IntegerField(
        source="target.swapped.version.number", default=None, allow_null=True
    )
    age_seconds = serializers.FloatField(
        allow_null=True, help_text="Of that version; null where it has not said what it serves."
    )
    behind = serializers.IntegerField(
        source="target.behind", help_text="Deployments since the one that it swapped to."
    )
    behind_since = serializers.DateTimeField(source="target.behind_since", allow_null=True)
    says = serializers.CharField(help_text="The same in a sentence, with the last error.")


class PredictedBy(serializers.Serializer):
    """A version that the latest predictions of its own servers name."""

    name = serializers.CharField()
    share = serializers.FloatField(help_text="Of the latest predictions.")
    version = serializers.IntegerField(
        source="version.number",
        allow_null=True,
        help_text="null: no version of that name was reported.",
    )


class ComponentNow(Freshness):
    """Freshness of one component, by its own objective, and what feeds it."""

    name = serializers.CharField()
    fed_by = serializers.ListField(
        child=serializers.CharField(), help_text="Policies that are on and update it."
    )
    run = serializers.IntegerField(allow_null=True, help_text="The run that moved it last.")
    space_id = serializers.CharField(allow_null=True)


class BudgetWindow(serializers.Serializer):
    """The error budget over a time that ends now, to the last whole minute or hour."""

    seconds = serializers.FloatField()
    fresh_share = serializers.FloatField(
        allow_null=True, help_text="Of the known time, fresh or idle; null where none is known."
    )
    known_share = serializers.FloatField(help_text="How much of the time was measured.")
    budget_left = serializers.FloatField(
        help_text="Share of the budget, 1 − slo of the time; below 0 where more was used."
    )
    burn_rate = serializers.FloatField(
        help_text="How many times as fast the budget is used as would use it up at the end."
    )


class ErrorBudget(serializers.Serializer):
    """How long it may be overdue, and how fast it gets there."""

    slo = serializers.FloatField(help_text="Share of the time in which it shall be fresh or idle.")
    windows = BudgetWindow(many=True)


class FeatureFreshness(serializers.Serializer):
    """How old the values of a feature were in requests of the last ten minutes."""

    name = serializers.CharField()
    rows = serializers.IntegerField(help_text="That said when it was computed.")
    p50_seconds = serializers.FloatField()
    p95_seconds = serializers.FloatField()
    p99_seconds = serializers.FloatField()
    objective_seconds = serializers.IntegerField(allow_null=True)
    state = serializers.CharField(
        allow_blank=True,
        help_text="fresh: at most one row in twenty is older than the objective; else stale. "
        "Empty: it has no objective.",
    )


class FreshnessNow(Freshness):
    """Freshness at one instant, with the facts that it is computed from."""

    at = serializers.DateTimeField()
    live_version = serializers.IntegerField(allow_null=True)
    watermark = serializers.DateTimeField(
        allow_null=True, help_text="Event time up to which what is served has learned."
    )
    served_offset = serializers.IntegerField(
        allow_null=True, help_text="Last offset that what is served has learned."
    )
    last_offset = serializers.IntegerField(allow_null=True)
    newest_event_time = serializers.DateTimeField(allow_null=True)
    newest_arrived_at = serializers.DateTimeField(allow_null=True)
    budget = ErrorBudget()
    features = FeatureFreshness(
        many=True,
        allow_null=True,
        help_text="Never mixed with the model's; null: Valkey does not answer.",
    )
    feature_problems = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Why it is not known how old some features are; null: Valkey does not answer.",
    )
    components = ComponentNow(many=True)
    serving = Serving(many=True)
    predicted_by = PredictedBy(
        many=True,
        help_text="Where predictions are logged with their version, and recadmin does not update "
        "the model: what is served is what more than half of the latest name.",
    )
    targets = ServerNow(
        many=True,
        help_text="Where some are on, watermark and age are of the version that the last of them "
        "has swapped to.",
    )


class FreshnessView(OfRecommender):
    @extend_schema(responses=FreshnessNow)
    def get(self, request: Request, slug: str) -> Response:
        """How fresh it is now, from which facts, and what each process serves."""
        now = timezone.now()
        recommender = self.recommender
        heads = log_heads([recommender])
        past_live = served_facts([recommender], now)
        obstacles = in_the_way([recommender], now)
        fresh = fleet_freshness([recommender], now, heads, past_live, obstacles)[recommender.pk]
        head, live = heads.get(recommender.pk), recommender.live_version
        served = past_live.get(recommender.pk) or live_facts(live)
        parts = components(recommender, now, head, past_live.get(recommender.pk), obstacles)
        facts = {
            "at": now,
            "live_version": live and live.number,
            "watermark": served and served.watermark,
            "served_offset": served and served.next_offset - 1,
            "last_offset": head and head.last_offset,
            "newest_event_time": head and head.newest_event_time,
            "newest_arrived_at": head and head.newest_arrived_at,
            "budget": {
                "slo": recommender.freshness_slo,
                "windows": windows([recommender], SHOWN, now)[recommender.pk],
            },
            "features": features_now(recommender, now),
            "feature_problems": feature_problems_now(recommender),
            "components": [_component(part) for part in parts],
            "serving": with_sync(recommender, now),
            "predicted_by": named_lately(recommender, now),
            "targets": servers(recommender, now),
        }
        return Response(FreshnessNow(fresh.to_json() | facts).data)


def features_now(recommender: Recommender, now: datetime) -> list[FeatureAge] | None:
    """None where Valkey does not answer."""
    try:
        return recent(recommender, now)
    except LogUnavailable:
        return None


def feature_problems_now(recommender: Recommender) -> list[str] | None:
    """None where Valkey does not answer."""
    try:
        return problems_now(recommender)
    except LogUnavailable:
        return None


def _component(part: ComponentFreshness) -> dict[str, Any]:
    about = {"name": part.name, "run": part.run, "space_id": part.space_id}
    return part.fresh.to_json() | about | {"fed_by": [policy.name for policy in part.fed_by]}
