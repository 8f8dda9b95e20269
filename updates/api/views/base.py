"""What views share: finding the recommender of the address, reading input."""

from typing import Any

from django.http import Http404
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from updates.models import Recommender


class OfRecommender(GenericAPIView):
    """A view below ``recommenders/{slug}``."""

    @property
    def recommender(self) -> Recommender:
        """The recommender of the address; raises Http404."""
        if not hasattr(self, "_recommender"):
            self._recommender = Recommender.objects.filter(slug=self.kwargs["slug"]).first()
        if self._recommender is None:
            raise Http404
        return self._recommender

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        if "slug" in self.kwargs:
            context["recommender"] = self.recommender
        return context


def body(view: GenericAPIView, serializer: type[serializers.Serializer]) -> dict[str, Any]:
    """The request's body, validated; raises ValidationError."""
    read = serializer(data=view.request.data, context=view.get_serializer_context())
    read.is_valid(raise_exception=True)
    return read.validated_data


def query(request: Request, serializer: type[serializers.Serializer]) -> dict[str, Any]:
    """The query parameters that the serializer knows, validated; raises ValidationError."""
    known = {
        name: request.query_params[name]
        for name in serializer().fields
        if name in request.query_params
    }
    read = serializer(data=known)
    read.is_valid(raise_exception=True)
    return read.validated_data
