"""The API's account of users' devices."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.devices import report
from updates.api.schema import refuses
from updates.api.views.base import OfRecommender


class AgeShare(serializers.Serializer):
    """Vectors at most so old, and older than the entry before; null: older, or nothing known."""

    up_to_seconds = serializers.IntegerField(allow_null=True)
    client = serializers.IntegerField(help_text="Made by devices.")
    server = serializers.IntegerField(help_text="As training made them.")


class UserVectors(serializers.Serializer):
    """Vectors of users who did something in the last day, among the newest 50,000 samples."""

    measured_at = serializers.DateTimeField()
    users = serializers.IntegerField()
    fresh = serializers.IntegerField(
        help_text="Whose vector knows all that they did but what is younger than the objective."
    )
    share = serializers.FloatField(allow_null=True)
    ages = AgeShare(many=True)


class Lift(serializers.Serializer):
    """Every interaction predicted as it came, by the refreshed vector and by training's alone."""

    ne_gain = serializers.FloatField(allow_null=True, help_text="Positive: refreshing helps.")
    ne_gain_95 = serializers.FloatField(
        allow_null=True, help_text="Half-width of its 95 % interval."
    )
    certain = serializers.BooleanField(allow_null=True, help_text="The interval leaves 0 out.")


class DevicesAnswer(serializers.Serializer):
    """What devices have brought since the recommender was created."""

    outcomes = serializers.DictField(child=serializers.IntegerField())
    refused = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    interactions = serializers.IntegerField()
    lift = Lift()
    users = UserVectors(allow_null=True, help_text="null: not measured within the hour.")


class DevicesView(OfRecommender):
    @extend_schema(responses=DevicesAnswer)
    @refuses(503)
    def get(self, request: Request, slug: str) -> Response:
        """What users' devices bring, and what it is worth."""
        answer: dict[str, Any] = report(self.recommender)
        return Response(DevicesAnswer(answer).data)
