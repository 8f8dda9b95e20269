"""What-ifs of admission and expiry: ask for one, read what came of it, cancel it."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.what_ifs import WhatIfRequest, WhatIfSerializer
from updates.api.views.base import OfRecommender, body
from updates.flows.what_if import request_what_if
from updates.models import WhatIf


class WhatIfList(OfRecommender, ListAPIView):
    """What-ifs of a recommender, newest first."""

    serializer_class = WhatIfSerializer
    pagination_class = Pages
    page_order = "-id"

    def get_queryset(self) -> QuerySet:
        return _of(self)

    @extend_schema(request=WhatIfRequest, responses={202: WhatIfSerializer})
    @refuses(409, 503)
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        """Replay the newest samples by these settings; the newest in the list."""
        wanted = body(self, WhatIfRequest)
        what_if = request_what_if(self.recommender, by=request.user, **wanted)
        return Response(WhatIfSerializer(what_if).data, status=202)


class WhatIfDetail(OfRecommender, RetrieveAPIView):
    """A what-if and how far it is."""

    serializer_class = WhatIfSerializer
    lookup_url_kwarg = "pk"

    def get_queryset(self) -> QuerySet:
        return _of(self)


class CancelWhatIf(OfRecommender):
    @extend_schema(request=None, responses=WhatIfSerializer)
    @refuses(409)
    @idempotent
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """Have it stop within a second."""
        what_if = get_object_or_404(_of(self), pk=pk)
        what_if.cancel()
        return Response(WhatIfSerializer(what_if).data)


def _of(view: OfRecommender) -> QuerySet:
    return WhatIf.objects.filter(recommender=view.recommender).select_related("requested_by")
