"""Quarantines on a recommender's page: what they would cost, marking, undoing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from monitoring.forms import QuarantineForm
from monitoring.quarantines import quarantines
from monitoring.views.access import needs, page
from monitoring.views.refusals import REFUSALS, form_errors, told
from recadmin.roles import OPERATOR, VIEWER
from updates.flows.quarantine import lift, preview, quarantine, rebuild_again
from updates.models import Quarantine, Recommender
from updates.words import sentence


@require_safe
@needs(VIEWER)
def section(request: HttpRequest, slug: str) -> HttpResponse:
    """The list, for htmx."""
    found = _find(slug)
    context = {"recommender": found, "quarantines": quarantines(found)}
    return page(request, "monitoring/_quarantines.html", context)


@require_POST
@needs(OPERATOR)
def outlook(request: HttpRequest, slug: str) -> HttpResponse:
    """What it would bring and cost, for htmx; with that comes the button that does it."""
    form = QuarantineForm(request.POST)
    context: dict[str, object] = {"errors": form.errors}
    if form.is_valid():
        try:
            context["outlook"] = preview(_find(slug), form.selection)
        except REFUSALS as refusal:
            context["errors"] = {"": [sentence(str(refusal))]}
    return page(request, "monitoring/_quarantine_outlook.html", context)


@require_POST
@needs(OPERATOR)
def mark(request: HttpRequest, slug: str) -> HttpResponse:
    """Quarantine what was previewed."""
    found, form = _find(slug), QuarantineForm(request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("recommender", slug)
    with told(request):
        samples = preview(found, form.selection).samples
        if samples != form.cleaned_data["expected"]:
            messages.error(request, f"That is {samples:,} samples: look at what it costs again.")
            return redirect("recommender", slug)
        quarantine(found, form.selection, reason=form.cleaned_data["reason"], by=request.user)
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """Lift one."""
    with told(request):
        lift(_one(request, slug), reason=request.POST.get("reason", ""), by=request.user)
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def again(request: HttpRequest, slug: str) -> HttpResponse:
    """Have the model made again once more."""
    with told(request):
        rebuild_again(_one(request, slug), by=request.user)
    return redirect("recommender", slug)


def _find(slug: str) -> Recommender:
    return get_object_or_404(
        Recommender.objects.select_related("live_version", "challenges"), slug=slug
    )


def _one(request: HttpRequest, slug: str) -> Quarantine:
    pk = request.POST.get("to", "")
    return get_object_or_404(
        Quarantine.objects.select_related("recommender"),
        recommender__slug=slug,
        pk=int(pk) if pk.isdecimal() else 0,
    )
