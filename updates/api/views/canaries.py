"""Versions on trial: those there have been, and to begin and end one by hand."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.canaries import (
    BeginCanarySerializer,
    CanarySerializer,
    EndCanarySerializer,
)
from updates.api.views.base import OfRecommender, body
from updates.flows.canary import end_by_hand, try_by_hand
from updates.models import Canary, ModelVersion


class CanaryList(OfRecommender, ListAPIView):
    """Canaries, newest first."""

    serializer_class = CanarySerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet:
        canaries = Canary.objects.filter(recommender=self.recommender)
        return canaries.select_related("version", "live", "begun_by", "ended_by")


class _OfVersion(OfRecommender):
    serializer_class = CanarySerializer

    def _version(self, number: int) -> ModelVersion:
        versions = ModelVersion.objects.select_related("recommender")
        found: ModelVersion = get_object_or_404(
            versions, recommender=self.recommender, number=number
        )
        return found


class BeginCanary(_OfVersion):
    @extend_schema(request=BeginCanarySerializer, responses=CanarySerializer)
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Put a version that is not live on trial: it is promoted at the end unless it breaks a
        guardrail."""
        wanted = body(self, BeginCanarySerializer)
        canary = try_by_hand(self._version(number), by=request.user, **wanted)
        return Response(CanarySerializer(canary).data)


class EndCanary(_OfVersion):
    @extend_schema(request=EndCanarySerializer, responses=CanarySerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, slug: str, number: int) -> Response:
        """End its trial before the time, with or without promotion."""
        wanted = body(self, EndCanarySerializer)
        canary = end_by_hand(self._version(number), by=request.user, **wanted)
        return Response(CanarySerializer(canary).data)
