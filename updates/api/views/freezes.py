"""What is learned online and not served: when, why, and having it served all the same."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.freezes import FreezeSerializer, ThawSerializer
from updates.api.views.base import OfRecommender, body
from updates.flows.online.freezing import thaw
from updates.models import PublishingFreeze


class FreezeList(OfRecommender, ListAPIView):
    """Freezes of what is learned online, newest first; one that lasts has no end."""

    serializer_class = FreezeSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet:
        freezes = PublishingFreeze.objects.filter(recommender=self.recommender)
        return freezes.select_related("base", "version", "ended_by")


class ThawOnline(OfRecommender):
    @extend_schema(request=ThawSerializer, responses=FreezeSerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Have what is learned online served again, though a guardrail was broken."""
        frozen = thaw(self.recommender, by=request.user, **body(self, ThawSerializer))
        return Response(FreezeSerializer(frozen).data)
