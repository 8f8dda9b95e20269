"""Rows that the admin shows and nobody edits: they are history."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class ReadOnly:
    """For a ModelAdmin or an inline: may be viewed by whoever has the permission, that is all."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):
    """Read-only pages; the list shows its newest rows first."""

    class Media:
        css = {"all": ["updates/admin/admin.css"]}
