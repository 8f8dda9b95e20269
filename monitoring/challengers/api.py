"""The API's account of challengers."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.challengers.report import Challenge, Cost, Span, challenges
from monitoring.challengers.verdict import VERDICTS
from updates.api.views.base import OfRecommender


class SideSerializer(serializers.Serializer):
    """What one of both did in a span."""

    ne = serializers.FloatField(
        allow_null=True, help_text="On the samples that both predicted before they learned them."
    )
    runs = serializers.IntegerField(help_text="Updates that began in the span.")
    cpu_seconds = serializers.FloatField()
    cpu_seconds_a_day = serializers.FloatField()
    median_age_seconds = serializers.FloatField(
        allow_null=True, help_text="Median of the hours' mean ages; null: not measured."
    )


class SpanSerializer(serializers.Serializer):
    """Both on the same samples."""

    days = serializers.IntegerField(
        allow_null=True, help_text="Looked back on; null: since the challenger began."
    )
    since = serializers.DateTimeField()
    samples = serializers.IntegerField()
    ne_difference = serializers.FloatField(
        allow_null=True, help_text="The challenger's NE less the champion's: below 0 is better."
    )
    ne_difference_from = serializers.FloatField(
        allow_null=True, help_text="Lower end of the interval with 95 % confidence."
    )
    ne_difference_to = serializers.FloatField(allow_null=True)
    verdict = serializers.ChoiceField(choices=VERDICTS)
    sentence = serializers.CharField(help_text="The verdict with its numbers.")
    champion = SideSerializer()
    challenger = SideSerializer()


class ChallengeSerializer(serializers.Serializer):
    """One challenger against its champion."""

    slug = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    learner = serializers.CharField()
    learner_options = serializers.DictField()
    cadence = serializers.CharField(help_text="Of its policies, in words.")
    began_at = serializers.DateTimeField()
    live_version = serializers.IntegerField(allow_null=True)
    verdict = serializers.ChoiceField(choices=VERDICTS)
    sentence = serializers.CharField(help_text="On all samples since it began.")
    obstacle = serializers.CharField(
        allow_blank=True, help_text='Why nothing is compared at present; "": it is.'
    )
    spans = SpanSerializer(many=True, help_text="1 day, 7 days, and since it began.")


class ChallengersAnswer(serializers.Serializer):
    """All that challenge a recommender, the oldest first."""

    challengers = ChallengeSerializer(many=True)


class ChallengersView(OfRecommender):
    @extend_schema(responses=ChallengersAnswer)
    def get(self, request: Request, slug: str) -> Response:
        """Its challengers: how each does on the same samples, and what it costs."""
        found = challenges(self.recommender, timezone.now())
        return Response(ChallengersAnswer({"challengers": [to_json(each) for each in found]}).data)


def to_json(found: Challenge) -> dict[str, Any]:
    """The form that the API answers."""
    challenger = found.challenger
    return {
        "slug": challenger.slug,
        "name": challenger.name,
        "url": reverse("api:recommender", args=[challenger.slug]),
        "learner": challenger.learner,
        "learner_options": challenger.learner_options,
        "cadence": found.cadence,
        "began_at": challenger.created_at,
        "live_version": challenger.live_version and challenger.live_version.number,
        "verdict": found.whole.verdict,
        "sentence": found.whole.sentence,
        "obstacle": found.obstacle,
        "spans": [_span(span) for span in found.spans],
    }


def _span(span: Span) -> dict[str, Any]:
    low, high = span.ne_interval or (None, None)
    return {
        "days": span.days,
        "since": span.start,
        "samples": span.sums.samples,
        "ne_difference": span.ne_difference,
        "ne_difference_from": low,
        "ne_difference_to": high,
        "verdict": span.verdict,
        "sentence": span.sentence,
        "champion": _side(span.champion, span.sums.champion_ne),
        "challenger": _side(span.challenger, span.sums.challenger_ne),
    }


def _side(cost: Cost, ne: float | None) -> dict[str, Any]:
    return {
        "ne": ne,
        "runs": cost.runs,
        "cpu_seconds": cost.cpu_seconds,
        "cpu_seconds_a_day": cost.cpu_seconds_a_day,
        "median_age_seconds": cost.median_age_seconds,
    }
