"""Updates: start, watch, cancel."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.run_tokens import AUTHENTICATION, OwnRunOrRole
from updates.api.schema import refuses
from updates.api.serializers.runs import (
    CancelSerializer,
    RunDetailSerializer,
    RunQuery,
    RunSerializer,
    TriggerSerializer,
)
from updates.api.views.base import OfRecommender, body, query
from updates.flows.cancel import cancel
from updates.flows.trigger import trigger
from updates.models import UpdateRun

RUNS = UpdateRun.objects.select_related(
    "recommender", "policy", "requested_by", "base_version", "result_version"
)
LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI_REF, OpenApiParameter.HEADER, response=[202]
)


class StartUpdate(OfRecommender):
    @extend_schema(
        request=TriggerSerializer, responses={202: RunDetailSerializer}, parameters=[LOCATION]
    )
    @refuses(409)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Start an update; 409 names the run that is in the way."""
        wanted = body(self, TriggerSerializer)
        run = trigger(self.recommender, requested_by=request.user, **wanted)
        data = RunDetailSerializer(run).data
        return Response(data, status=202, headers={"Location": data["url"]})


@extend_schema(parameters=[RunQuery])
class UpdateList(ListAPIView):
    """Update runs, newest first."""

    serializer_class = RunSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet:
        return RUNS.filter(**query(self.request, RunQuery))


class UpdateDetail(RetrieveAPIView):
    """One run: state, progress, cost, what it learned from, how it was judged."""

    authentication_classes = AUTHENTICATION
    permission_classes = [OwnRunOrRole]
    serializer_class = RunDetailSerializer
    queryset = RUNS.prefetch_related("transitions__by")


class CancelUpdate(GenericAPIView):
    @extend_schema(request=CancelSerializer, responses=RunDetailSerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Cancel an update; the live version stays as it is."""
        run = get_object_or_404(RUNS, pk=pk)
        cancel(run, by=request.user, **body(self, CancelSerializer))
        return Response(RunDetailSerializer(run).data)
