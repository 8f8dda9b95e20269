"""Versions, and which of them is live."""

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.versions import (
    DeploymentQuery,
    DeploymentSerializer,
    ReasonSerializer,
    ReportedVersionSerializer,
    RollBackCostSerializer,
    RollBackQuery,
    RollBackSerializer,
    VersionSerializer,
)
from updates.api.views.base import OfRecommender, body, query
from updates.flows.adopt import adopt
from updates.flows.promote import promote
from updates.flows.report_version import report_version
from updates.flows.roll_back import roll_back
from updates.flows.roll_back_cost import roll_back_cost
from updates.models import Deployment, ModelVersion


class Versions(OfRecommender):
    serializer_class = VersionSerializer
    lookup_field = "number"

    def get_queryset(self) -> QuerySet:
        versions = ModelVersion.objects.filter(recommender=self.recommender)
        return versions.select_related("recommender", "parent", "run")


class VersionList(Versions, ListAPIView):
    """Versions, newest first."""

    pagination_class = Pages
    page_order = "-number"

    @extend_schema(
        request=ReportedVersionSerializer,
        responses={200: VersionSerializer, 201: VersionSerializer},
    )
    @refuses(409, 503)
    def post(self, request: Request, slug: str) -> Response:
        """Report a model that was made elsewhere; the same report again is answered with 200."""
        reported = body(self, ReportedVersionSerializer)
        version, new = report_version(self.recommender, reported, by=request.user)
        version = self.get_queryset().get(pk=version.pk)
        return Response(self.get_serializer(version).data, status=201 if new else 200)


class VersionDetail(Versions, RetrieveAPIView):
    """One version."""


class PromoteVersion(Versions):
    @extend_schema(request=ReasonSerializer, responses=DeploymentSerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Make a version live, whatever its guardrails said."""
        version = get_object_or_404(self.get_queryset(), number=number)
        deployment = promote(version, by=request.user, **body(self, ReasonSerializer))
        return Response(DeploymentSerializer(deployment).data)


class RollBack(OfRecommender):
    @extend_schema(parameters=[RollBackQuery], responses=RollBackCostSerializer)
    @refuses(409)
    def get(self, request: Request, slug: str) -> Response:
        """What going back to a version would take back; 409 where it is live, or nothing is."""
        number = query(request, RollBackQuery)["to"]
        version = get_object_or_404(self.recommender.versions, number=number)
        return Response(RollBackCostSerializer(roll_back_cost(version, timezone.now())).data)

    @extend_schema(request=RollBackSerializer, responses=DeploymentSerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Make a version live again that was live before."""
        wanted = body(self, RollBackSerializer)
        deployment = roll_back(self.recommender, by=request.user, **wanted)
        return Response(DeploymentSerializer(deployment).data)


class Adopt(OfRecommender):
    @extend_schema(request=ReasonSerializer, responses=DeploymentSerializer)
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Have the champion of this challenger become what it is: learner, options, policies and
        live version; answers the champion's new deployment."""
        deployment = adopt(self.recommender, by=request.user, **body(self, ReasonSerializer))
        return Response(DeploymentSerializer(deployment).data)


@extend_schema(parameters=[DeploymentQuery])
class DeploymentList(OfRecommender, ListAPIView):
    """Which version was live from when to when, newest first; with ``at``, what was live then."""

    serializer_class = DeploymentSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet:
        moves = Deployment.objects.filter(recommender=self.recommender)
        if at := query(self.request, DeploymentQuery).get("at"):
            moves = moves.filter(Q(ended_at__gt=at) | Q(ended_at=None), started_at__lte=at)
        return moves.select_related("version", "previous", "moved_by")
