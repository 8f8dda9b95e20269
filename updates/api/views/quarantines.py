"""Quarantines: mark samples, see what that costs, undo it; erase a user's."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import ADMIN
from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.quarantines import (
    OutlookSerializer,
    PreviewRequest,
    QuarantineRequest,
    QuarantineSerializer,
    WhySerializer,
)
from updates.api.views.base import OfRecommender, body
from updates.flows.erase import erase_user
from updates.flows.quarantine import lift, preview, quarantine, rebuild_again
from updates.models import Quarantine


class Quarantines(OfRecommender):
    serializer_class = QuarantineSerializer

    def get_queryset(self) -> QuerySet:
        quarantines = Quarantine.objects.filter(recommender=self.recommender)
        return quarantines.select_related("recommender", "created_by", "lifted_by")

    def _one(self, pk: int) -> Quarantine:
        found: Quarantine = get_object_or_404(self.get_queryset(), pk=pk)
        return found


class QuarantineList(Quarantines, ListAPIView):
    """Quarantines, newest first."""

    pagination_class = Pages
    page_order = "-id"

    @extend_schema(request=QuarantineRequest, responses={202: QuarantineSerializer})
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Leave samples out of all learning, and have the live model made again without them."""
        made = quarantine(self.recommender, by=request.user, **body(self, QuarantineRequest))
        return Response(QuarantineSerializer(made).data, status=202)


class QuarantineDetail(Quarantines, RetrieveAPIView):
    """One quarantine."""


class PreviewQuarantine(Quarantines):
    @extend_schema(request=PreviewRequest, responses=OutlookSerializer)
    @refuses(409, 503)
    def post(self, request: Request, slug: str) -> Response:
        """What a quarantine would bring and cost; changes nothing."""
        outlook = preview(self.recommender, **body(self, PreviewRequest))
        return Response(OutlookSerializer(outlook).data)


class LiftQuarantine(Quarantines):
    @extend_schema(request=WhySerializer, responses={202: QuarantineSerializer})
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """Undo it: have the live model made again with its samples."""
        lifted = self._one(pk)
        lift(lifted, by=request.user, **body(self, WhySerializer))
        return Response(QuarantineSerializer(lifted).data, status=202)


class RebuildAgain(Quarantines):
    @extend_schema(request=None, responses={202: QuarantineSerializer})
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """Make the live model again once more, where that failed or was cancelled."""
        failed = self._one(pk)
        rebuild_again(failed, by=request.user)
        return Response(QuarantineSerializer(failed).data, status=202)


class EraseUser(Quarantines):
    write_role = ADMIN

    @extend_schema(request=WhySerializer, responses={202: QuarantineSerializer})
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str, user: str) -> Response:
        """Have no model know of a user's samples, and erase these from the log."""
        made = erase_user(self.recommender, user, by=request.user, **body(self, WhySerializer))
        return Response(QuarantineSerializer(made).data, status=202)
