"""Which role may do what on the pages of the admin."""

from django.http import HttpRequest

from recadmin.roles import OPERATOR, has_role


class Operable:
    """For a ModelAdmin: actions declared with ``permissions=["operate"]`` need an operator."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Operators and admins."""
        return has_role(request.user, OPERATOR)
