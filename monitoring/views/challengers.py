"""Challengers on the pages of both sides: how they do, and adopting one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from monitoring.challengers.report import challenge, challenges
from monitoring.views.access import needs, page
from monitoring.views.refusals import told
from recadmin.roles import OPERATOR, VIEWER
from updates.flows.adopt import adopt
from updates.models import Recommender


@require_safe
@needs(VIEWER)
def section(request: HttpRequest, slug: str) -> HttpResponse:
    """Those that challenge it, or how it does as a challenger, for htmx."""
    found, now = _find(slug), timezone.now()
    shown = [challenge(found, now)] if found.challenges else challenges(found, now)
    context = {"recommender": found, "challenges": shown}
    return page(request, "monitoring/_challengers.html", context)


@require_POST
@needs(OPERATOR)
def adopt_challenger(request: HttpRequest, slug: str) -> HttpResponse:
    """Its champion becomes what it is."""
    found = _find(slug)
    with told(request):
        deployment = adopt(found, reason=request.POST.get("reason", ""), by=request.user)
        champion = deployment.recommender
        messages.success(
            request,
            f"{champion.name} serves version {deployment.version.number}, adopted from "
            f"{found.name}.",
        )
        return redirect("recommender", champion.slug)
    return redirect("recommender", slug)


def _find(slug: str) -> Recommender:
    return get_object_or_404(
        Recommender.objects.select_related("live_version", "challenges__live_version"), slug=slug
    )
