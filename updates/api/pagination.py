"""Pages by cursor: constant cost however long the list, and no row twice while it grows."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView


class Pages(CursorPagination):
    """In the order of the view's ``page_order``, a unique column; 50 rows unless asked."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    page_size_query_description = "Rows a page, from 1 to 200."

    def get_ordering(self, request: Request, queryset: QuerySet, view: APIView) -> tuple[str, ...]:
        return (view.page_order,)

    def get_page_size(self, request: Request) -> int:
        value = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= self.max_page_size):
            allowed = f"Must be a whole number from 1 to {self.max_page_size}, got {value!r}."
            raise ValidationError({self.page_size_query_param: allowed})
        return int(value)

    def paginate_queryset(
        self, queryset: QuerySet, request: Request, view: APIView | None = None
    ) -> list[Any]:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, DjangoValidationError) as error:
            raise ValidationError({"cursor": "Must come from next or previous."}) from error

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        parameters[-1]["schema"] |= {"minimum": 1, "maximum": self.max_page_size}
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "properties": {"next": link, "previous": link, "results": schema},
            "required": ["next", "previous", "results"],
        }
