"""The audit trail of a configured object: who changed what, to be read and not to be replayed."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin


class AuditedAdmin(SimpleHistoryAdmin):
    """Shows earlier states. Going back to one is an edit like any other, through the form: to
    write an old row over the new one would bring back its live version and its timetable too."""

    object_history_list_template = "admin/updates/history_list.html"

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def history_form_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied("History is read only: make the change in the form.")
        return super().history_form_view(request, *args, **kwargs)
