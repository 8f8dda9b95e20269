"""Who may call what."""

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from recadmin.roles import OPERATOR, VIEWER, has_role


class RolePermission(BasePermission):
    """Safe methods need a viewer; the others what the view's ``write_role`` says (operator)."""

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return has_role(request.user, getattr(view, "read_role", VIEWER))
        return has_role(request.user, getattr(view, "write_role", OPERATOR))
