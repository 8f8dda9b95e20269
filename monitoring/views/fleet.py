"""The fleet: every recommender's freshness at a glance."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from monitoring.fleet import freshness_of, log_heads
from monitoring.fleet_choice import Choice, choose
from monitoring.fleet_members import members
from monitoring.fleet_order import headers, ordered
from monitoring.fleet_query import FleetQuery
from monitoring.fleet_rows import fleet_rows
from monitoring.freshness import FreshnessCause, FreshnessState
from monitoring.views.access import needs, page
from recadmin.roles import VIEWER

ROWS = 50


@require_safe
@gzip_page
@vary_on_headers("HX-Request")
@needs(VIEWER)
def fleet(request: HttpRequest) -> HttpResponse:
    """The whole page, or for htmx's polls only what changes by itself."""
    asked = request.htmx
    polled = asked and not asked.boosted and not asked.history_restore_request
    context = _context(request)
    return page(request, "monitoring/_fleet.html" if polled else "monitoring/fleet.html", context)


def _context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    everyone = members()
    heads = log_heads(everyone)
    states = freshness_of(everyone, now, heads)
    query = FleetQuery.of(request.GET)
    choice = choose(everyone, states, query)
    rows = ordered(choice.chosen, states, query, now)
    shown = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    return {
        "query": query,
        "headers": headers(query),
        "rows": fleet_rows(shown.object_list, states, now),
        "shown": shown,
        "total": len(everyone),
        "learners": _values(choice, "learner", query),
        "tags": _values(choice, "tag", query),
        "views": request.user.saved_views.all(),
        "states": [(state, choice.counts["state"][state]) for state in FreshnessState],
        "causes": [
            (cause, count)
            for cause, count in _values(choice, "cause", query)
            if cause != FreshnessCause.NONE
        ],
        "log_silent": bool(everyone) and not heads,
    }


def _values(choice: Choice, name: str, query: FleetQuery) -> list[tuple[str, int]]:
    """Those of a filter that there are and the one chosen, with how many each would choose."""
    counts = choice.counts[name]
    chosen = {getattr(query, name)} - {""}
    return [(value, counts[value]) for value in sorted({*counts, *chosen})]
