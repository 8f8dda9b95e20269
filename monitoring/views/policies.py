"""A policy's controls: when it fires, whether, and now."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from monitoring import recommender_page
from monitoring.forms import CadenceForm
from monitoring.views.access import needs, page
from monitoring.views.refusals import told
from recadmin.roles import OPERATOR, VIEWER
from updates.cadence import CadenceError
from updates.flows.change_cadence import change_cadence
from updates.flows.pause import pause, resume
from updates.flows.roll_back import lift_hold
from updates.flows.trigger import trigger
from updates.models import UpdatePolicy
from updates.samples.log import LogUnavailable
from updates.words import sentence


@require_safe
@needs(VIEWER)
def policy(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Its rows in the table, as they are."""
    return _rows(request, _find(slug, name))


@require_http_methods(["GET", "POST"])
@needs(OPERATOR)
def cadence(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Its cadence in place: the form, then the receipt."""
    found = _find(slug, name)
    if request.method == "GET":
        return _rows(request, found, form=CadenceForm.of(found))
    form = CadenceForm(request.POST, auto_id=f"{found.name}-%s")
    if form.is_valid():
        try:
            receipt = change_cadence(found, form.cadence(), by=request.user)
        except CadenceError as error:
            form.add_error(error.field, str(error))
        except LogUnavailable as error:
            form.add_error(None, sentence(str(error)))
        else:
            return _rows(request, _find(slug, name), receipt=receipt)
    return _rows(request, found, form=form)


@require_POST
@needs(OPERATOR)
def pause_policy(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """It fires no more until resumed."""
    pause(_find(slug, name), by=request.user)
    messages.success(request, f"Policy {name} is paused.")
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def resume_policy(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """It fires again."""
    with told(request):
        resume(_find(slug, name), by=request.user)
        messages.success(request, f"Policy {name} fires again from its next time on.")
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def lift(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Lift the hold that a roll-back put on it."""
    with told(request):
        lift_hold(_find(slug, name), by=request.user)
        messages.success(request, f"The hold on policy {name} is lifted.")
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def run_now(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Start its update without waiting for its time."""
    found = _find(slug, name)
    with told(request):
        run = trigger(found.recommender, policy=found, requested_by=request.user, reason="run now")
        return redirect("run", run.pk)
    return redirect("recommender", slug)


def _find(slug: str, name: str) -> UpdatePolicy:
    policies = UpdatePolicy.objects.select_related("recommender")
    return get_object_or_404(policies, recommender__slug=slug, name=name)


def _rows(request: HttpRequest, found: UpdatePolicy, **context: Any) -> HttpResponse:
    row = next(r for r in recommender_page.policies(found.recommender) if r["policy"] == found)
    context |= row | {"recommender": found.recommender}
    return page(request, "monitoring/_policy.html", context)
