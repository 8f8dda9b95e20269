"""Who may call what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from recadmin.roles import OPERATOR, VIEWER, has_role

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is being imported itself.
    from rest_framework.views import APIView


class RolePermission(BasePermission):
    """Safe methods need a viewer; the others what the view's ``write_role`` says (operator)."""

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return has_role(request.user, getattr(view, "read_role", VIEWER))
        return has_role(request.user, getattr(view, "write_role", OPERATOR))
