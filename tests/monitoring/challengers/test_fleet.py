"""In the fleet nobody takes a challenger for a deployed recommender."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.alerts.conditions import conditions
from monitoring.fleet import log_heads
from monitoring.models import DriftAlarm
from tests.monitoring.conftest import text
from tests.updates.flows.challengers import challenge
from updates.models import Recommender


@pytest.fixture
def stale(make_recommender, make_live, append):
    """A champion that is fresh, and a challenger that is stale: (champion, challenger)."""
    champion = make_recommender("news")
    append(champion, 20)
    challenger = challenge(champion, "old")
    now = timezone.now()
    make_live(champion, watermark=now)
    make_live(challenger, watermark=now - timedelta(days=9))
    return champion, challenger


def test_it_wears_a_badge_and_counts_for_no_state(as_viewer, stale):
    page = text(as_viewer.get("/"))
    assert "challenges news" in page
    assert "stale 0" in page
    assert "fresh 1" in page
    assert "all 2" in page


def test_a_filter_by_state_finds_deployed_ones_only(as_viewer, stale):
    assert "No recommender is stale" in text(as_viewer.get("/?state=stale"))


def test_it_comes_after_what_is_deployed(as_viewer, stale):
    page = text(as_viewer.get("/"))
    assert page.index("News news") < page.index("Old old")


def test_nobody_is_woken_for_it(stale):
    champion, _ = stale
    for side in stale:
        DriftAlarm.objects.create(recommender=side, feature="x", firing_since=timezone.now())
    everyone = list(Recommender.objects.select_related("live_version"))
    found = conditions(everyone, log_heads(everyone), timezone.now())
    assert {pk for pk, *_ in found} == {champion.pk}
