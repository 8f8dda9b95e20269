"""Alerts: what is wrong now, what was, and who is at it."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from monitoring.alerts.models import Alert, AlertState, IllegalAlertMove
from monitoring.alerts.shown import RECENT, open_alerts, open_by_recommender, told_alerts
from monitoring.forms import AcknowledgeForm, SilenceForm
from monitoring.models import AlertChannel, Silence
from monitoring.views.access import needs, page
from monitoring.views.refusals import form_errors
from recadmin.roles import OPERATOR, VIEWER
from updates.models import Recommender


@require_safe
@needs(VIEWER)
def alerts(request: HttpRequest) -> HttpResponse:
    """The whole page, or for htmx only what changes; of one recommender where it is named."""
    now = timezone.now()
    slug = request.GET.get("recommender", "")
    chosen = get_object_or_404(Recommender, slug=slug) if slug else None
    over = told_alerts(now).filter(state=AlertState.RESOLVED).order_by("-resolved_at")
    silences = Silence.objects.in_force(now).select_related("recommender", "by")
    if chosen:
        over, silences = over.filter(recommender=chosen), silences.filter(recommender=chosen)
    context = {
        "groups": open_by_recommender(open_alerts(now, chosen)),
        "resolved": over[:RECENT],
        "silences": silences,
        "channels": AlertChannel.objects.filter(enabled=True).count(),
        "chosen": chosen,
    }
    template = "monitoring/_alerts.html" if request.htmx else "monitoring/alerts.html"
    return page(request, template, context)


@require_safe
@needs(VIEWER)
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """One alert, and what can be done about it."""
    found = get_object_or_404(told_alerts(timezone.now()), pk=pk)
    steps = found.transitions.select_related("by").prefetch_related("notifications__channel")
    context = {
        "alert": found,
        "steps": steps,
        "acknowledge_form": AcknowledgeForm(auto_id="acknowledge-%s"),
        "silence_form": SilenceForm(auto_id="silence-%s"),
    }
    return page(request, "monitoring/alert.html", context)


@require_POST
@needs(OPERATOR)
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody is at it."""
    found = get_object_or_404(Alert.objects.exclude(state=AlertState.PENDING), pk=pk)
    form = AcknowledgeForm(request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("alert", pk)
    try:
        found.acknowledge(request.user, form.cleaned_data["reason"])
        messages.success(request, "It is acknowledged.")
    except IllegalAlertMove as error:
        messages.error(request, str(error))
    return redirect("alert", pk)


@require_POST
@needs(OPERATOR)
def silence(request: HttpRequest, slug: str) -> HttpResponse:
    """Nobody is told of this recommender's alerts for a while."""
    found = get_object_or_404(Recommender, slug=slug)
    form = SilenceForm(request.POST)
    if form.is_valid():
        until = timezone.now() + timedelta(hours=form.cleaned_data["hours"])
        reason = form.cleaned_data["reason"]
        Silence.objects.create(recommender=found, until=until, reason=reason, by=request.user)
        messages.success(request, f"Alerts of {found.name} are silent.")
    else:
        form_errors(request, form.errors)
    return redirect("alerts")
