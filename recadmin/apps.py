"""The project itself as an app: commands, roles, the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class RecadminConfig(AppConfig):
    name = "recadmin"

    def ready(self) -> None:
        # Shared tasks find the application once it is imported; here and not in the package, so
        # that the supervisor's small processes do not load Celery.
        from recadmin import celery  # noqa: F401
        from recadmin.roles import create_groups

        post_migrate.connect(create_groups, dispatch_uid="recadmin.roles")


class RecadminAdminConfig(AdminConfig):
    default_site = "recadmin.admin_site.RecadminAdminSite"
