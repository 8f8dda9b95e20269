"""Who changed what, when and why."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from monitoring.forms import AuditForm
from monitoring.views.access import needs, page
from recadmin.roles import OPERATOR
from updates.models import AuditEvent

ROWS = 50


@require_safe
@needs(OPERATOR)
def audit(request: HttpRequest) -> HttpResponse:
    """The newest changes that were searched for, or those before the one named ``before``."""
    form = AuditForm(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    older_than = wanted.pop("before", None)
    found = AuditEvent.objects.search(**{name: value for name, value in wanted.items() if value})
    if older_than:
        found = found.filter(pk__lt=older_than)
    # Not counted: the trail only grows, and the next page begins at a known place.
    events = list(found[: ROWS + 1])
    older = request.GET.copy()
    older["before"] = str(events[ROWS - 1].pk) if len(events) > ROWS else ""
    context = {
        "form": form,
        "events": events[:ROWS],
        "older": older.urlencode() if older["before"] else "",
        "searched": any(wanted.values()),
    }
    return page(request, "monitoring/audit.html", context)
