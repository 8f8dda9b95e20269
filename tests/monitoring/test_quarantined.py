"""What is measured leaves quarantined samples out, and gets past them."""

import pytest
from django.utils import timezone

from monitoring import live_quality, sketches
from updates.models import Quarantine


@pytest.fixture
def quarantined(live, append):
    """After the 1,000 learned samples another 300, of which the first 200 are quarantined."""
    append(live.recommender, 300)
    Quarantine.objects.create(
        recommender=live.recommender, selection={}, ranges=[[1001, 1200]], reason="a bug"
    )
    live.recommender.refresh_from_db()
    return live.recommender


def test_sketches_go_on_after_however_many_are_quarantined(quarantined, monkeypatch):
    monkeypatch.setattr(sketches, "MOST_ROWS", 100)
    for _ in range(12):
        sketches.follow(quarantined, 1300)
    assert sketches.sketched_through(quarantined) == 1300


def test_nothing_is_judged_where_all_that_is_new_is_quarantined(quarantined):
    assert live_quality.judge(quarantined, 1150, timezone.now()) is None


def test_only_what_is_not_quarantined_judges_the_live_version(quarantined):
    measured = live_quality.judge(quarantined, 1300, timezone.now())
    assert measured.samples == 100
