"""The admin under recadmin's name, open to whoever has a role."""

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from recadmin.roles import VIEWER, has_role


class RecadminAdminSite(AdminSite):
    """Groups alone decide who gets in (updates/admin/__init__.py); nobody ticks "staff" as well."""

    site_header = "recadmin"
    site_title = "recadmin"
    index_title = "Recommenders and their update policies"
    login_form = AuthenticationForm

    def has_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, VIEWER)
