"""A page that is an app: its visitor's vector is refreshed in the browser."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring.views.access import needs, page
from recadmin.roles import OPERATOR
from updates.flows.client_token import mint
from updates.flows.refresh_user import NoClientPolicy, client_policy
from updates.models import Recommender
from updates.samples.schema import SampleSchema
from updates.samples.sources.base import SourceMissing
from updates.samples.sources.ml_100k import ML_100K, film_titles

TOKEN_SECONDS = 900


@require_safe
@needs(OPERATOR)
def demo(request: HttpRequest, slug: str) -> HttpResponse:
    """Rate items and see the list change. What is rated is learned as from any user: operators
    only."""
    recommender = get_object_or_404(Recommender.objects.select_related("live_version"), slug=slug)
    try:
        policy = client_policy(recommender)
    except NoClientPolicy:
        policy = None
    context = {
        "recommender": recommender,
        "policy": policy,
        "visitor": visitor(request),
        "titles": _titles(recommender.sample_schema),
    }
    return page(request, "monitoring/demo.html", context)


@require_safe
@never_cache
@needs(OPERATOR)
def token(request: HttpRequest, slug: str) -> JsonResponse:
    """What an app's back end does for its logged-in user."""
    recommender = get_object_or_404(Recommender, slug=slug)
    given, expires_at = mint(recommender, visitor(request), TOKEN_SECONDS)
    return JsonResponse({"token": given, "expires_at": expires_at})


def visitor(request: HttpRequest) -> str:
    """Who the person is as a user of recommenders; no user of recorded data has such a name."""
    return f"demo:{request.user.get_username()}"


def _titles(schema: SampleSchema) -> dict[str, str]:
    """Names of items that people know; empty where the items are not those films."""
    if schema != ML_100K:
        return {}
    try:
        return film_titles()
    except SourceMissing:
        return {}
