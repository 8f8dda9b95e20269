"""The API's account of the neighbours."""

from __future__ import annotations

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from neighbours.models import NeighbourName
from neighbours.report import report


class NeighbourSerializer(serializers.Serializer):
    """How telling one goes."""

    name = serializers.ChoiceField(NeighbourName.choices)
    enabled = serializers.BooleanField(help_text="Whether the installation has it.")
    waiting = serializers.IntegerField(
        help_text="Versions and aliases (mlflow) or runs (openlineage) that it does not know yet."
    )
    refused = serializers.IntegerField(help_text="What it has answered that it will not have.")
    told_at = serializers.DateTimeField(allow_null=True, help_text="When it last took something.")
    failures = serializers.IntegerField(help_text="In a row, in which it did not answer.")
    failed_at = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True, help_text="It is left alone until then.")
    error = serializers.CharField(help_text="The last one, without users and passwords.")


class NeighboursSerializer(serializers.Serializer):
    """All that there are, enabled or not."""

    neighbours = NeighbourSerializer(many=True)


class Neighbours(APIView):
    @extend_schema(responses=NeighboursSerializer)
    def get(self, request: Request) -> Response:
        """Other systems that are told of versions and runs, and what stands in the way."""
        return Response(NeighboursSerializer({"neighbours": report()}).data)


PATTERNS: list[URLPattern] = [path("neighbours", Neighbours.as_view(), name="neighbours")]
