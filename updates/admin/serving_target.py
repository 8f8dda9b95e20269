"""The admin's servers of other teams: what is secret of one is shown when it is made, and once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from updates.models import ServingTarget


@admin.register(ServingTarget)
class ServingTargetAdmin(admin.ModelAdmin):
    list_display = ["name", "recommender", "state", "serves", "url", "enabled"]
    list_filter = ["enabled", "recommender"]
    search_fields = ["name", "recommender__slug"]
    fields = ["recommender", "name", "url", "swap_within_seconds", "enabled"]
    actions = ["rotate_secret"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServingTarget]:
        found: QuerySet[ServingTarget] = super().get_queryset(request)
        return found.with_lag().select_related("recommender", "swapped__version")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Its events are of its recommender, and its name is what it signs off with."""
        return ["recommender", "name"] if obj else []

    def save_model(self, request: HttpRequest, obj: ServingTarget, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
            return
        obj.save(force_insert=True)
        _show_secrets(request, obj)

    @admin.display(description="state")
    def state(self, target: ServingTarget) -> str:
        return target.state(timezone.now())

    @admin.display(description="serves")
    def serves(self, target: ServingTarget) -> str:
        return f"v{target.swapped.version.number}" if target.swapped else "–"

    @admin.action(
        description="Make another secret and token; the present ones are good for a day yet",
        permissions=["change"],
    )
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[ServingTarget]) -> None:
        for target in queryset:
            target.rotate(timezone.now())
            _show_secrets(request, target)


def _show_secrets(request: HttpRequest, target: ServingTarget) -> None:
    told = "{}: secret {}, token {}. Neither is shown again."
    messages.warning(request, format_html(told, target.name, target.secret, target.token))
