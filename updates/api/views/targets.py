"""Servers of other teams that serve a recommender."""

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import ADMIN
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.base import address
from updates.api.serializers.targets import (
    NewTargetSerializer,
    Secrets,
    TargetChange,
    TargetSerializer,
)
from updates.api.views.base import OfRecommender
from updates.api.views.recommenders import save_new
from updates.models import ServingTarget


class Targets(OfRecommender):
    serializer_class = TargetSerializer
    lookup_field = "name"
    write_role = ADMIN

    def get_queryset(self) -> QuerySet:
        targets = ServingTarget.objects.filter(recommender=self.recommender)
        return targets.with_lag().select_related("recommender", "swapped__version")


class TargetList(Targets, ListAPIView):
    """Servers that are told what to serve, by name."""

    pagination_class = Pages
    page_order = "name"

    @extend_schema(responses={201: NewTargetSerializer})
    @refuses(409)
    def post(self, request: Request, slug: str) -> Response:
        """Name a server. The answer has its secret and its token, this once; so it is kept under no
        Idempotency-Key."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = self.get_queryset().get(pk=save_new(wanted, "name").pk)
        headers = {"Location": address("target", made, "recommender.slug", "name")}
        return Response(NewTargetSerializer(made).data, status=201, headers=headers)


class TargetDetail(Targets):
    def get(self, request: Request, slug: str, name: str) -> Response:
        """One server."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=TargetChange, responses=TargetSerializer)
    def patch(self, request: Request, slug: str, name: str) -> Response:
        """Change the fields given."""
        change = TargetChange(self.get_object(), data=request.data, partial=True)
        change.is_valid(raise_exception=True)
        change.save()
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, name: str) -> Response:
        """Tell it nothing any more, and wait for it no more."""
        self.get_object().delete()
        return Response(status=204)


class RotateSecret(Targets):
    @extend_schema(request=None, responses=Secrets)
    def post(self, request: Request, slug: str, name: str) -> Response:
        """Another secret and token, shown this once; those before them are good for a day yet."""
        target = get_object_or_404(self.get_queryset(), name=name)
        target.rotate(timezone.now())
        return Response(Secrets(target).data)
