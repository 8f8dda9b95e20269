"""What a version has learned is merged once, and anew when it is something else."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring import reference
from monitoring.reference import learned
from monitoring.sketches import Period, coarsen, follow, merged
from updates.flows.append_samples import append_samples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTHING = Period({})


@pytest.fixture
def news(transactional_db, valkey, make_recommender, make_batch):
    """Three minutes of 30 samples each, sketched."""
    news = make_recommender("news")
    for minute in range(3):
        batch = make_batch(30, first=30 * minute)
        at = NOON + timedelta(minutes=minute)
        append_samples(news, batch, batch_id=str(minute), arrived_at=at)
    follow(news, 90)
    return news


@pytest.fixture
def merges(monkeypatch):
    """Counts how often sketches are merged."""
    seen = []
    monkeypatch.setattr(reference, "merged", lambda ranges: seen.append(1) or merged(ranges))
    return seen


def rows(news, last):
    found = learned(news, [{"first_offset": 1, "last_offset": last}], NOTHING)
    return found.sketches["item"].rows


def test_the_same_offsets_are_merged_once(news, merges):
    assert [rows(news, 60), rows(news, 60)] == [60, 60]
    assert len(merges) == 1


def test_another_version_is_merged_anew(news, merges):
    assert [rows(news, 60), rows(news, 90)] == [60, 90]
    assert len(merges) == 2


def test_ranges_put_together_meanwhile_change_nothing(news, merges):
    rows(news, 90)
    coarsen(news, NOON + timedelta(days=1))
    assert news.sketched_ranges.count() == 1
    assert rows(news, 90) == 90
    assert len(merges) == 1


def test_what_has_grown_since_is_merged_anew(news, merges, make_batch):
    rows(news, 90)
    batch = make_batch(5, first=90)
    append_samples(news, batch, batch_id="more", arrived_at=NOON + timedelta(minutes=2, seconds=9))
    follow(news, 95)
    assert rows(news, 90) == 95  # to a range's width
    assert len(merges) == 2


def test_only_so_many_are_kept(news, merges, monkeypatch):
    monkeypatch.setattr(reference, "MOST_KEPT", 1)
    for last in (60, 90, 60):
        rows(news, last)
    assert len(merges) == 3
