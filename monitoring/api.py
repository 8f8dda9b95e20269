"""The API's measurements over time, and sparsity. Every number on a page is in the API."""

from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring import metrics, series
from monitoring.asked import points, span
from monitoring.challengers.api import ChallengersView
from monitoring.csv_answer import CsvRenderer, file_name
from monitoring.devices_api import DevicesView
from monitoring.drift_api import DriftView
from monitoring.freshness_api import FreshnessView
from monitoring.marks import KINDS, marks
from monitoring.provisional import provisional_from
from monitoring.resolutions import RESOLUTIONS
from monitoring.sparsity.api import (
    COMPONENT_SERIES,
    SPARSITY_SERIES,
    MemorySerializer,
    TurnoverSerializer,
    memory_to_json,
)
from monitoring.sparsity.memory import memory
from monitoring.sparsity.report import TURNOVERS, turnovers
from updates.api.serializers.base import Strict
from updates.api.serializers.shapes import Sparsity
from updates.api.views.base import OfRecommender, query

WIDTHS = [resolution.seconds for resolution in RESOLUTIONS]

SpanQuery = type(
    "SpanQuery",
    (Strict,),
    {
        "__doc__": "Which part of a series: the last 24 hours unless said otherwise.",
        "from": serializers.DateTimeField(required=False),
        "to": serializers.DateTimeField(required=False),
        "points": serializers.IntegerField(
            required=False, default=series.MOST_POINTS, min_value=2, max_value=series.MOST_POINTS
        ),
        "resolution_seconds": serializers.ChoiceField(
            choices=WIDTHS,
            required=False,
            default=WIDTHS[0],
            help_text="No finer than this; coarser where the span asks for it.",
        ),
    },
)


class MetricQuery(SpanQuery):
    """Which series; ``label`` names the policy, component, slice or feature that it is kept by.

    A policy's series is its own, whatever it was called when the points were recorded.
    """

    name = serializers.ChoiceField(choices=list(metrics.METRICS))
    label = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)


class PointsField(serializers.ListField):
    """[milliseconds since 1970 in UTC, value], oldest first."""

    child = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)


class MarkSerializer(serializers.Serializer):
    """Something that happened: when (milliseconds since 1970 in UTC), of which kind, in words."""

    at = serializers.IntegerField()
    until = serializers.IntegerField(
        allow_null=True,
        help_text="When an alert was resolved or a canary ended; null: it is open, or the kind "
        "has no end.",
    )
    kind = serializers.ChoiceField(choices=KINDS)
    label = serializers.CharField()
    url = serializers.CharField()


SeriesSerializer = type(
    "Series",
    (serializers.Serializer,),
    {
        "__doc__": "A measurement over time, thinned to the points asked for, with what happened.",
        "name": serializers.CharField(),
        "unit": serializers.CharField(allow_blank=True),
        "definition": serializers.CharField(),
        "resolution_seconds": serializers.ChoiceField(
            choices=WIDTHS,
            help_text="How much time a point stands for; it is at its beginning.",
        ),
        "aggregate": serializers.ChoiceField(
            choices=[str(aggregate) for aggregate in metrics.Aggregate],
            help_text="What the values measured in a longer time than ten seconds come to.",
        ),
        "from": serializers.DateTimeField(),
        "to": serializers.DateTimeField(),
        "points": PointsField(),
        "provisional_from": serializers.DateTimeField(
            allow_null=True,
            help_text="Labels of samples from then on are still coming; null: all is final.",
        ),
        "marks": MarkSerializer(many=True),
    },
)


class SparsityAnswer(serializers.Serializer):
    """Sparsity of the live version (null: none is live), and of those before it over time."""

    version = serializers.IntegerField(allow_null=True)
    sparsity = Sparsity(allow_null=True)
    series = serializers.DictField(child=PointsField())
    component_series = serializers.DictField(
        child=serializers.DictField(child=PointsField()), help_text="By component, by name."
    )
    turnover = TurnoverSerializer(many=True, help_text="Of the last deployments, newest first.")
    memory = MemorySerializer()


class MetricsView(OfRecommender):
    renderer_classes = [JSONRenderer, CsvRenderer]

    @extend_schema(
        parameters=[MetricQuery],
        responses={
            (200, JSONRenderer.media_type): SeriesSerializer,
            (200, CsvRenderer.media_type): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, slug: str) -> Response:
        """A measurement over time, with what happened meanwhile; as CSV its points alone."""
        wanted = query(request, MetricQuery)
        start, end = span(wanted)
        metric = metrics.metric(wanted["name"])
        answer = {
            "name": metric.name,
            "unit": metric.unit,
            "definition": metric.definition,
            "resolution_seconds": series.resolution(
                start, end, wanted["resolution_seconds"]
            ).seconds,
            "aggregate": metric.aggregate,
            "from": start,
            "to": end,
            "points": points(self.recommender, metric.name, wanted),
            "provisional_from": provisional_from(self.recommender, metric.name),
            "marks": [mark.to_json() for mark in marks(self.recommender, start, end)],
        }
        response = Response(SeriesSerializer(answer).data)
        if request.accepted_renderer.format == CsvRenderer.format:
            name = file_name(slug, metric.name, wanted["label"], start, end)
            response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


class SparsityView(OfRecommender):
    @extend_schema(parameters=[SpanQuery], responses=SparsityAnswer)
    def get(self, request: Request, slug: str) -> Response:
        """How sparse the live version is, and how sparsity went."""
        wanted = query(request, SpanQuery)
        live = self.recommender.live_version
        answer = {
            "version": live and live.number,
            "sparsity": live and live.sparsity,
            "series": {name: points(self.recommender, name, wanted) for name in SPARSITY_SERIES},
            "component_series": {
                component: {
                    name: points(self.recommender, name, wanted | {"label": component})
                    for name in COMPONENT_SERIES
                }
                for component in (live.sparsity.get("components", {}) if live else {})
            },
            "turnover": turnovers(self.recommender)[:TURNOVERS],
            "memory": memory_to_json(memory(self.recommender)),
        }
        return Response(SparsityAnswer(answer).data)


ONE = "recommenders/<slug:slug>"
PATTERNS: list[URLPattern] = [
    path(f"{ONE}/freshness", FreshnessView.as_view(), name="freshness"),
    path(f"{ONE}/metrics", MetricsView.as_view(), name="metrics"),
    path(f"{ONE}/sparsity", SparsityView.as_view(), name="sparsity"),
    path(f"{ONE}/devices", DevicesView.as_view(), name="devices"),
    path(f"{ONE}/challengers", ChallengersView.as_view(), name="challengers"),
    path(f"{ONE}/drift", DriftView.as_view(), name="drift"),
]
