"""The API's account of how good drift alarms were."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.drift.loss_change import BEFORE, HORIZON
from monitoring.models import DriftEpisode
from monitoring.scorecard.models import Verdict
from monitoring.scorecard.report import DETECTORS, scorecard
from updates.api.views.base import OfRecommender


class Score(serializers.Serializer):
    """Alarms of one detector: of drift (features, label, predictions), of ADWIN on the log loss,
    and of one that always goes off."""

    detector = serializers.ChoiceField(DETECTORS)
    alarms = serializers.IntegerField(help_text="That began in the time looked at.")
    true = serializers.IntegerField(help_text="The log loss rose beyond noise.")
    false = serializers.IntegerField(help_text="It did not.")
    unsettled = serializers.IntegerField(help_text="Not known yet, or never.")
    precision = serializers.FloatField(
        allow_null=True, help_text="True ÷ settled; of always: by chance. Null: none is settled."
    )
    mean_delay_seconds = serializers.FloatField(
        allow_null=True, help_text="From the rise of the loss to the alarm, over true alarms."
    )


class ScorecardSerializer(serializers.Serializer):
    """How good the alarms of the last 30 days were."""

    since = serializers.DateTimeField()
    before_seconds = serializers.FloatField(
        default=BEFORE.total_seconds(), help_text="A rise so long before an alarm makes it true."
    )
    horizon_seconds = serializers.FloatField(
        default=HORIZON.total_seconds(), help_text="And so long after it."
    )
    scores = Score(many=True)
    loss_rises = serializers.IntegerField(help_text="Rises of the log loss that ADWIN saw.")
    foretold = serializers.IntegerField(
        help_text="Those with an alarm of drift on within the horizon before or after."
    )
    recall = serializers.FloatField(allow_null=True, help_text="foretold ÷ loss_rises.")


class EpisodeSerializer(serializers.ModelSerializer):
    """One time that an alarm was on; settled_at with verdict unsettled: it cannot be known."""

    feature = serializers.CharField(
        source="about", help_text="Or label, prediction, and log loss for ADWIN's."
    )
    verdict = serializers.ChoiceField(Verdict.choices)

    class Meta:
        model = DriftEpisode
        fields = [
            "feature",
            "began",
            "ended",
            "measured",
            "settled_at",
            "verdict",
            "delay_seconds",
        ]


class RecommenderScorecard(ScorecardSerializer):
    """The same of one recommender, with its newest alarms."""

    episodes = EpisodeSerializer(many=True, source="newest")


class FleetScorecardView(APIView):
    @extend_schema(responses=ScorecardSerializer)
    def get(self, request: Request) -> Response:
        """How good the alarms of the whole fleet were."""
        return Response(ScorecardSerializer(scorecard(timezone.now())).data)


class ScorecardView(OfRecommender):
    @extend_schema(responses=RecommenderScorecard)
    def get(self, request: Request, slug: str) -> Response:
        """How good its drift alarms were: what the log loss did around each."""
        found = scorecard(timezone.now(), self.recommender)
        return Response(RecommenderScorecard(found).data)


PATTERNS: list[URLPattern] = [
    path("drift/scorecard", FleetScorecardView.as_view(), name="fleet-scorecard"),
    path("recommenders/<slug:slug>/drift/scorecard", ScorecardView.as_view(), name="scorecard"),
]
