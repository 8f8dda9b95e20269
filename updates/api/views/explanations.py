"""What a version learned."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.schema import refuses
from updates.api.serializers.explanations import ExplanationQuery, ExplanationSerializer
from updates.api.views.base import OfRecommender, query
from updates.flows.explain import explanation_of
from updates.models import ModelVersion


class ExplanationView(OfRecommender):
    @extend_schema(parameters=[ExplanationQuery], responses=ExplanationSerializer)
    @refuses(409)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """What a version learned against its parent, or another version.

        It is worked out by a worker: ask again while its state is queued.
        """
        versions = ModelVersion.objects.filter(recommender=self.recommender)
        versions = versions.select_related("recommender", "parent")
        version = get_object_or_404(versions, number=number)
        against = None
        if (other := query(request, ExplanationQuery).get("against")) is not None:
            against = versions.filter(number=other).first()
            if against is None:
                raise serializers.ValidationError({"against": f"There is no version {other}."})
        return Response(ExplanationSerializer(explanation_of(version, against)).data)
