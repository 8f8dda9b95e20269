"""The API's alerts and silences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts.channels import Severity
from monitoring.alerts.models import (
    KIND_CHOICES,
    Alert,
    AlertState,
    AlertTransition,
    IllegalAlertMove,
    Silence,
)
from monitoring.alerts.shown import told_alerts
from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.problems import Problem, describe
from updates.api.schema import refuses
from updates.api.serializers.base import Address, Strict
from updates.api.views.base import OfRecommender, body, query

LONGEST_SILENCE = timedelta(days=30)
TOLD_STATES = [(state.value, state.value) for state in AlertState if state != AlertState.PENDING]


class AlertSerializer(serializers.ModelSerializer):
    """Something wrong with a recommender, or with one component or policy of it."""

    url = Address("alert", "pk")
    recommender = serializers.CharField(source="recommender.slug")
    state = serializers.ChoiceField(TOLD_STATES)
    title = serializers.CharField(source="about.title")
    todo = serializers.CharField(source="about.todo", help_text="What helps.")
    silenced_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then nobody is told of the recommender's alerts."
    )

    class Meta:
        model = Alert
        fields = [
            "id",
            "url",
            "recommender",
            "kind",
            "component",
            "severity",
            "state",
            "title",
            "summary",
            "since",
            "objective",
            "tried",
            "todo",
            "fired_at",
            "resolved_at",
            "silenced_until",
        ]


class AlertStepSerializer(serializers.ModelSerializer):
    """One move of an alert."""

    to = serializers.ChoiceField(TOLD_STATES, source="to_state")
    by = serializers.CharField(source="by.username", default=None, allow_null=True)

    class Meta:
        model = AlertTransition
        fields = ["to", "why", "by", "at"]


class AlertDetailSerializer(AlertSerializer):
    """An alert with all its moves."""

    transitions = AlertStepSerializer(many=True)

    class Meta(AlertSerializer.Meta):
        fields = [*AlertSerializer.Meta.fields, "transitions"]


class AlertQuery(Strict):
    """Which alerts: all that ever fired unless said otherwise."""

    state = serializers.ChoiceField(TOLD_STATES, required=False)
    kind = serializers.ChoiceField(KIND_CHOICES, required=False)
    severity = serializers.ChoiceField(Severity.choices, required=False)
    recommender = serializers.SlugField(required=False, source="recommender__slug")


class AcknowledgeSerializer(Strict):
    """Why it is acknowledged; everybody who was told of the alert is told."""

    reason = serializers.CharField(max_length=500)


class SilenceSerializer(Strict, serializers.ModelSerializer):
    """Until when nobody is told of a recommender's alerts, and why."""

    by = serializers.CharField(source="by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Silence
        fields = ["until", "reason", "by", "created_at"]

    def validate_until(self, until: Any) -> Any:
        if not timezone.now() < until <= timezone.now() + LONGEST_SILENCE:
            raise serializers.ValidationError(
                f"Must be in the future, at most {LONGEST_SILENCE.days} days from now."
            )
        return until


@extend_schema(parameters=[AlertQuery])
class AlertList(ListAPIView):
    """Alerts, newest first."""

    serializer_class = AlertSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet[Alert]:
        return told_alerts(timezone.now()).filter(**query(self.request, AlertQuery))


class AlertDetail(RetrieveAPIView):
    """One alert: what is wrong, since when, what was tried, and who is at it."""

    serializer_class = AlertDetailSerializer

    def get_queryset(self) -> QuerySet[Alert]:
        return told_alerts(timezone.now()).prefetch_related("transitions__by")


class AcknowledgeAlert(GenericAPIView):
    @extend_schema(request=AcknowledgeSerializer, responses=AlertDetailSerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Say that somebody is at it."""
        told = told_alerts(timezone.now())
        alert = get_object_or_404(told, pk=pk)
        alert.acknowledge(request.user, body(self, AcknowledgeSerializer)["reason"])
        return Response(AlertDetailSerializer(told.get(pk=pk)).data)


class SilenceList(OfRecommender, ListAPIView):
    """Silences of all times, newest first."""

    serializer_class = SilenceSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet[Silence]:
        return Silence.objects.filter(recommender=self.recommender).select_related("by")

    @extend_schema(request=SilenceSerializer, responses={201: SilenceSerializer})
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Have nobody told of its alerts for a while; they are still shown."""
        recommender = self.recommender
        wanted = body(self, SilenceSerializer)
        silence = Silence.objects.create(recommender=recommender, by=request.user, **wanted)
        return Response(SilenceSerializer(silence).data, status=201)


@describe.register
def _wrong_state(error: IllegalAlertMove) -> Problem:
    return Problem(409, str(error), "wrong-state")


PATTERNS: list[URLPattern] = [
    path("alerts", AlertList.as_view(), name="alerts"),
    path("alerts/<int:pk>", AlertDetail.as_view(), name="alert"),
    path("alerts/<int:pk>/acknowledge", AcknowledgeAlert.as_view(), name="acknowledge-alert"),
    path("recommenders/<slug:slug>/silences", SilenceList.as_view(), name="silences"),
]
