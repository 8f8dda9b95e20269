"""One recommender: its state, charts, policies, versions and history."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from monitoring import recommender_page
from monitoring.charts import SIMULATED_CHARTS
from monitoring.drawn_charts import drawn_charts
from monitoring.drift_report import report
from monitoring.fleet import fleet_freshness
from monitoring.forms import QuarantineForm, RollBackForm, TriggerForm
from monitoring.freshness_api import feature_problems_now, features_now
from monitoring.quarantines import quarantines
from monitoring.scorecard.report import scorecard
from monitoring.servers import servers
from monitoring.views.access import needs, page
from monitoring.views.refusals import form_errors, told
from recadmin.roles import OPERATOR, VIEWER
from updates.flows.online.freezing import thaw
from updates.flows.roll_back import roll_back
from updates.flows.trigger import trigger
from updates.models import Recommender
from updates.models.policy import Strategy

ROWS = 12


@gzip_page
@require_safe
@needs(VIEWER)
def recommender(request: HttpRequest, slug: str) -> HttpResponse:
    """The page."""
    found = _find(slug)
    prefetch_related_objects([found], "policies")  # components and charts ask for them
    policies = recommender_page.policies(found)
    other = _compared_with(request, found)
    charts = drawn_charts(found, other)
    context = recommender_page.headline(found, timezone.now()) | {
        "joining": recommender_page.joining(found, timezone.now()),
        "devices": recommender_page.devices(found) if _has_devices(policies) else None,
        "has_devices": _has_devices(policies),
        "charts": charts,
        "simulated": any(drawn.chart in SIMULATED_CHARTS for drawn in charts),
        "compared_with": other,
        "comparable": recommender_page.comparable(found),
        "policies": policies,
        "versions": _page_of(request, recommender_page.versions(found), "versions"),
        "deployments": _page_of(request, recommender_page.deployments(found), "deployments"),
        "trigger_form": TriggerForm(found, auto_id="trigger-%s"),
        "quarantines": quarantines(found),
        "quarantine_form": QuarantineForm(auto_id="quarantine-%s"),
        "roll_back_form": RollBackForm(found, auto_id="roll-back-%s"),
    }
    return page(request, "monitoring/recommender.html", context)


@require_safe
@needs(VIEWER)
def headline(request: HttpRequest, slug: str) -> HttpResponse:
    """What changes by the second, for htmx."""
    context = recommender_page.headline(_find(slug), timezone.now())
    return page(request, "monitoring/_live.html", context)


@require_safe
@needs(VIEWER)
def joining(request: HttpRequest, slug: str) -> HttpResponse:
    """How impressions are joined, for htmx."""
    found = _find(slug)
    state = recommender_page.joining(found, timezone.now())
    return page(request, "monitoring/_joining.html", {"recommender": found, "joining": state})


@require_safe
@needs(VIEWER)
def features(request: HttpRequest, slug: str) -> HttpResponse:
    """How old the features are that requests carry, for htmx."""
    found, now = _find(slug), timezone.now()
    ages = features_now(found, now)
    fresh = fleet_freshness([found], now)[found.pk]
    context = {
        "recommender": found,
        "ages": ages,
        "silent": ages is None,
        "problems": feature_problems_now(found),
        "fresh": fresh,
    }
    return page(request, "monitoring/_feature_ages.html", context)


@require_safe
@needs(VIEWER)
def devices(request: HttpRequest, slug: str) -> HttpResponse:
    """What users' devices bring, for htmx."""
    found = _find(slug)
    context = {"recommender": found, "devices": recommender_page.devices(found)}
    return page(request, "monitoring/_devices.html", context)


@require_safe
@needs(VIEWER)
def own_servers(request: HttpRequest, slug: str) -> HttpResponse:
    """What servers that are not ours serve, for htmx."""
    found = _find(slug)
    context = {"recommender": found, "servers": servers(found, timezone.now())}
    return page(request, "monitoring/_servers.html", context)


@require_safe
@needs(VIEWER)
def drift(request: HttpRequest, slug: str) -> HttpResponse:
    """How samples differ from what was learned, for htmx."""
    found = _find(slug)
    now = timezone.now()
    context = {
        "recommender": found,
        "drift": report(found, now),
        "scorecard": scorecard(now, found),
    }
    return page(request, "monitoring/_drift.html", context)


@require_POST
@needs(OPERATOR)
def start_update(request: HttpRequest, slug: str) -> HttpResponse:
    """Trigger an update by hand."""
    found = _find(slug)
    form = TriggerForm(found, request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("recommender", slug)
    with told(request):
        return redirect("run", trigger(found, requested_by=request.user, **form.cleaned_data).pk)
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def rollback(request: HttpRequest, slug: str) -> HttpResponse:
    """Back to an earlier version."""
    found = _find(slug)
    form = RollBackForm(found, request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("recommender", slug)
    with told(request):
        roll_back(found, by=request.user, **form.cleaned_data)
    return redirect("recommender", slug)


@require_POST
@needs(OPERATOR)
def thaw_publishing(request: HttpRequest, slug: str) -> HttpResponse:
    """Have what is learned online served again, though a guardrail was broken."""
    with told(request):
        thaw(_find(slug), reason=request.POST.get("reason", ""), by=request.user)
    return redirect("recommender", slug)


def _find(slug: str) -> Recommender:
    return get_object_or_404(
        Recommender.objects.select_related("live_version", "challenges"), slug=slug
    )


def _has_devices(policies: list[dict[str, Any]]) -> bool:
    return any(row["policy"].strategy == Strategy.CLIENT for row in policies)


def _compared_with(request: HttpRequest, found: Recommender) -> Recommender | None:
    """The recommender that the address names beside this one."""
    slug = request.GET.get("with")
    if not slug or slug == found.slug:
        return None
    other = Recommender.objects.select_related("live_version").filter(slug=slug).first()
    if other is None:
        messages.warning(request, f"There is no recommender “{slug}” to compare with.")
    return other


def _page_of(request: HttpRequest, rows: object, name: str) -> object:
    return Paginator(rows, ROWS).get_page(request.GET.get(name))
