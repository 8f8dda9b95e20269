"""The fleet: every recommender's freshness at a glance."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.fleet import fleet_freshness, log_heads
from monitoring.fleet_rows import fleet_rows
from monitoring.freshness import FreshnessCause, FreshnessState
from monitoring.views.access import needs, page
from recadmin.roles import VIEWER
from updates.models import Recommender

ROWS = 50
# All that a row shows: schemas and the versions' records stay in the database.
SHOWN = (
    "slug",
    "name",
    "learner",
    "freshness_objective_seconds",
    "grace_seconds",
    "live_version__watermark",
    "live_version__next_offset",
)


@require_safe
@needs(VIEWER)
def fleet(request: HttpRequest) -> HttpResponse:
    """The whole page, or for htmx only what changes."""
    template = "monitoring/_fleet.html" if request.htmx else "monitoring/fleet.html"
    return page(request, template, _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    everyone = list(Recommender.objects.select_related("live_version").only(*SHOWN))
    heads = log_heads(everyone)
    states = fleet_freshness(everyone, now, heads)
    counts = Counter(fresh.state for fresh in states.values())
    causes = Counter(fresh.cause for fresh in states.values())
    wanted, cause = request.GET.get("state", ""), request.GET.get("cause", "")
    search = request.GET.get("q", "").strip()
    chosen = [
        r
        for r in everyone
        if wanted in ("", states[r.pk].state)
        and cause in ("", states[r.pk].cause)
        and search.lower() in f"{r.slug} {r.name}".lower()
    ]
    shown = Paginator(chosen, ROWS).get_page(request.GET.get("page"))
    return {
        "rows": fleet_rows(shown.object_list, states, now),
        "shown": shown,
        "total": len(everyone),
        "counts": [(state, counts[state]) for state in FreshnessState],
        "causes": [
            (name, causes[name])
            for name in FreshnessCause
            if name != FreshnessCause.NONE and (causes[name] or name == cause)
        ],
        "state": wanted,
        "cause": cause,
        "search": search,
        "log_silent": bool(everyone) and not heads,
    }
