"""Proofs of a version: ask for one, read what came of them."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.proofs import ProofSerializer
from updates.api.views.base import OfRecommender
from updates.flows.prove import request_proof
from updates.models import ModelVersion, Proof


class ProofList(OfRecommender, ListAPIView):
    """Proofs of a version, newest first."""

    serializer_class = ProofSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet:
        proofs = Proof.objects.filter(version=self._version())
        return proofs.select_related("version", "requested_by")

    @extend_schema(request=None, responses={202: ProofSerializer})
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Learn the version again from the log and compare the bytes; the newest in the list."""
        proof = request_proof(self._version(), by=request.user)
        return Response(ProofSerializer(proof).data, status=202)

    def _version(self) -> ModelVersion:
        versions = ModelVersion.objects.select_related("recommender")
        return get_object_or_404(
            versions, recommender=self.recommender, number=self.kwargs["number"]
        )
