"""The audit trail, for those who act."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView

from recadmin.roles import OPERATOR
from updates.api.pagination import Pages
from updates.api.serializers.audit import AuditEventSerializer, AuditQuery
from updates.api.views.base import query
from updates.models import AuditEvent


@extend_schema(parameters=[AuditQuery])
class AuditList(ListAPIView):
    """Who changed what, when and why, newest first."""

    serializer_class = AuditEventSerializer
    pagination_class = Pages
    page_order = "-id"
    read_role = OPERATOR

    def get_queryset(self) -> QuerySet:
        return AuditEvent.objects.search(**query(self.request, AuditQuery))
