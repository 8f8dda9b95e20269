"""Addresses below ``/api/`` that are none."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView


@extend_schema(exclude=True)
class Unknown(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def initial(self, request: Request, *args: str, **kwargs: str) -> None:
        raise Http404
