"""Recommenders."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import ADMIN
from updates.api.pagination import Pages
from updates.api.problems import Problem
from updates.api.schema import refuses
from updates.api.serializers.recommenders import RecommenderSerializer
from updates.flows.delete_recommender import delete_recommender
from updates.models import Canary, Recommender

FreshnessOf = Callable[[Sequence[Recommender], datetime], Mapping[int, Any]]


class Recommenders(GenericAPIView):
    """``freshness_of`` computes the freshness of many at once; the address brings it."""

    freshness_of: FreshnessOf | None = None
    queryset = Recommender.objects.order_by("slug").select_related(
        "live_version", "challenges", "fallback"
    )
    serializer_class = RecommenderSerializer
    pagination_class = Pages
    page_order = "slug"
    write_role = ADMIN
    lookup_field = "slug"

    def shown(self, recommenders: list[Recommender]) -> list[dict[str, Any]]:
        """As the API shows them, fresh as of now."""
        freshness = self.freshness_of(recommenders, timezone.now())
        on_trial = Canary.objects.running().filter(recommender__in=recommenders)
        related = on_trial.select_related("version", "live", "begun_by")
        canaries = {canary.recommender_id: canary for canary in related}
        for recommender in recommenders:
            recommender.freshness = freshness[recommender.pk]
            recommender.canary = canaries.get(recommender.pk)
        return self.get_serializer(recommenders, many=True).data


class RecommenderList(Recommenders):
    @extend_schema(responses=RecommenderSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All recommenders, with their freshness now."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.shown(page))

    @extend_schema(responses={201: RecommenderSerializer})
    @refuses(409)
    def post(self, request: Request) -> Response:
        """Create a recommender."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        recommender = save_new(wanted, "slug")
        [data] = self.shown([recommender])
        return Response(data, status=201, headers={"Location": data["url"]})


class RecommenderDetail(Recommenders):
    def get(self, request: Request, slug: str) -> Response:
        """One recommender, with its freshness now."""
        return Response(self.shown([self.get_object()])[0])

    def patch(self, request: Request, slug: str) -> Response:
        """Change the fields given."""
        change = self.get_serializer(self.get_object(), data=request.data, partial=True)
        change.is_valid(raise_exception=True)
        return Response(self.shown([change.save()])[0])

    @extend_schema(responses={204: None})
    @refuses(409)
    def delete(self, request: Request, slug: str) -> Response:
        """Delete it with its history, samples and files; 409 while an update is under way."""
        delete_recommender(get_object_or_404(Recommender, slug=slug))
        return Response(status=204)


def save_new(serializer: Any, name_field: str) -> Any:
    """Save what a POST creates; 409 where the name is taken, also by a request at the same time."""
    try:
        with transaction.atomic():
            return serializer.save()
    except IntegrityError as error:
        name = serializer.validated_data[name_field]
        errors = [{"field": name_field, "error": "Is taken."}]
        raise Problem(409, f"{name_field}: “{name}” is taken.", "taken", errors=errors) from error
