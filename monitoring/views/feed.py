"""The simulated feed: eight update policies side by side, and a button that changes the world."""

from __future__ import annotations

import logging

import redis
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from monitoring import feed_page
from monitoring.views.access import needs, page
from recadmin.demo import feed_state
from recadmin.demo.feed_fleet import HOUR_SECONDS
from recadmin.roles import OPERATOR, VIEWER
from updates.simulation.fleet import SLUGS

logger = logging.getLogger(__name__)

SHOWN_FLASHES = 8


@require_safe
@needs(VIEWER)
def feed(request: HttpRequest) -> HttpResponse:
    """The whole page, or for htmx only what changes."""
    found = feed_page.recommenders()
    try:
        flashes = feed_state.flashes()
        silent = False
    except redis.RedisError as error:
        logger.warning("feed: %s", error)
        flashes, silent = [], True
    ranked = feed_page.ranking(found, flashes, timezone.now()) if found else []
    context = {
        "ranked": ranked,
        # A policy keeps its colour, whatever its rank.
        "lines": sorted(ranked, key=lambda row: SLUGS.index(row.entry.slug)),
        "flashes": flashes[:SHOWN_FLASHES],
        "marks": feed_page.marks(flashes),
        "silent": silent,
        "hour_seconds": HOUR_SECONDS,
    }
    template = "monitoring/_feed.html" if request.htmx else "monitoring/feed.html"
    return page(request, template, context)


@require_POST
@needs(OPERATOR)
def flash(request: HttpRequest) -> HttpResponse:
    """Have the running feed start a flash event."""
    try:
        taken = feed_state.ask_for_flash(request.user.get_username())
    except redis.RedisError as error:
        logger.warning("flash: %s", error)
        messages.error(request, "Valkey does not answer: try again.")
    else:
        if taken:
            messages.success(request, "A flash event starts within a second or two.")
        else:
            messages.error(request, "Those asked for before still wait: is the feed being played?")
    return redirect("feed")
