"""One update run, live."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from monitoring.canaries import on_trial
from monitoring.trainer import trainer_of
from monitoring.views.access import needs, page
from monitoring.views.refusals import told
from recadmin.roles import OPERATOR, VIEWER
from updates.flows.cancel import cancel
from updates.flows.online.outlook import outlook
from updates.flows.value import value_of
from updates.models import Assignment, UpdateRun
from updates.models.run import RunState


@require_safe
@needs(VIEWER)
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """The page, or for htmx only what changes."""
    runs = UpdateRun.objects.select_related(
        "recommender", "policy", "requested_by", "base_version", "result_version"
    )
    found = get_object_or_404(runs, pk=pk)
    now = timezone.now()
    context = {
        "run": found,
        "recommender": found.recommender,
        "transitions": found.transitions.select_related("by"),
        "online": outlook(found, now),
        "value": value_of(found),
        "trial": on_trial(found.recommender, now) if found.state == RunState.CANARY else None,
        "trainer": trainer_of(found.recommender),
        "assignment": Assignment.of(found),
    }
    template = "monitoring/_run.html" if request.htmx else "monitoring/run.html"
    return page(request, template, context)


@require_POST
@needs(OPERATOR)
def cancel_run(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop it; the live version stays as it is."""
    found = get_object_or_404(UpdateRun, pk=pk)
    with told(request):
        cancel(found, by=request.user, reason=request.POST.get("reason", ""))
    return redirect("run", pk)
