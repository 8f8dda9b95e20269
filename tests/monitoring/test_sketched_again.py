"""Sketches made before a quarantine leave its samples out; lifted, they are counted again."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring import sketched_again, sketches, tasks
from monitoring.drift_report import report
from monitoring.models import FeatureSketch
from monitoring.reference import learned
from monitoring.sketched_again import ever_quarantined, sketch_again
from monitoring.sketches import PREDICTION, Period, arrived, coarsen, follow, sketched_through
from tests.updates.flows.challengers import challenge
from updates.flows.append_samples import append_samples
from updates.models import Quarantine

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SOON = NOON + 10 * MINUTE


@pytest.fixture
def make(transactional_db, valkey, make_recommender, make_batch):
    """``make(slug, sketched=True)``: three minutes of 30 samples each."""

    def made(slug, *, sketched=True):
        recommender = make_recommender(slug)
        for minute in range(3):
            batch = make_batch(30, first=30 * minute)
            at = NOON + minute * MINUTE
            append_samples(recommender, batch, batch_id=str(minute), arrived_at=at)
        if sketched:
            follow(recommender, 90)
        return recommender

    return made


def quarantine(recommender, *ranges):
    return Quarantine.objects.create(
        recommender=recommender, selection={}, ranges=[list(pair) for pair in ranges], reason="bad"
    )


def lift(quarantined):
    quarantined.lift(None, "it was good")


def kept(recommender):
    """All that is kept of sketches, by range."""
    sketches = FeatureSketch.objects.filter(range__recommender=recommender)
    rows = sketches.order_by("range__first_offset", "feature")
    return [
        (r.range.first_offset, r.range.last_offset, r.range.starts_at, r.feature, bytes(r.body))
        for r in rows.select_related("range")
    ]


def offsets(recommender):
    ranges = recommender.sketched_ranges.order_by("first_offset")
    return list(ranges.values_list("first_offset", "last_offset"))


def rows(recommender):
    return arrived(recommender, NOON, SOON).sketches["item"].rows


def test_a_quarantine_is_left_out_of_sketches_that_were_there_before(make):
    news, never = make("news"), make("never", sketched=False)
    for each in (news, never):
        quarantine(each, (10, 19), (40, 44))
    follow(never, 90)
    assert rows(news) == 90
    assert sketch_again(news, SOON) == 2
    assert rows(news) == 75
    assert kept(news) == kept(never)


def test_what_the_quarantine_does_not_touch_is_left_alone(make):
    news = make("news")
    last = news.sketched_ranges.get(first_offset=61).pk
    quarantine(news, (10, 19), (40, 44))
    sketch_again(news, SOON)
    assert news.sketched_ranges.get(first_offset=61).pk == last


def test_lifted_it_is_as_if_it_had_never_been(make):
    news = make("news")
    before = kept(news)
    bad = quarantine(news, (10, 19), (40, 44))
    sketch_again(news, SOON)
    lift(bad)
    assert sketch_again(news, SOON) == 2
    assert kept(news) == before


def test_what_was_quarantined_before_it_was_sketched_is_counted_once_lifted(make):
    news, never = make("news", sketched=False), make("never")
    bad = quarantine(news, (25, 40), (61, 70))
    follow(news, 90)
    assert rows(news) == 64
    lift(bad)
    sketch_again(news, SOON)
    assert rows(news) == rows(never)
    assert offsets(news) == [(1, 24), (25, 30), (31, 60), (61, 90)]


def test_where_nothing_has_changed_nothing_is_made_again(make):
    news, other = make("news"), make("other")
    quarantine(news, (10, 19))
    sketch_again(news, SOON)
    assert sketch_again(news, SOON) == 0
    assert sketch_again(other, SOON) == 0
    assert ever_quarantined() == {news.pk}


def test_a_range_of_nothing_but_quarantined_samples_is_empty_and_comes_back(make):
    news = make("news")
    bad = quarantine(news, (31, 60))
    sketch_again(news, SOON)
    assert offsets(news) == [(1, 30), (31, 60), (61, 90)]
    assert arrived(news, NOON + MINUTE, NOON + MINUTE).sketches == {}
    lift(bad)
    sketch_again(news, SOON)
    assert rows(news) == 90


def test_the_range_that_is_open_goes_on_without_what_is_quarantined(make, make_batch):
    news = make("news")
    quarantine(news, (85, 92))
    append_samples(news, make_batch(10, first=90), batch_id="next", arrived_at=NOON + 2 * MINUTE)
    follow(news, 100)
    assert offsets(news)[-1] == (61, 100)
    sketch_again(news, SOON)
    assert rows(news) == 92
    assert sketched_through(news) == 100


def test_ranges_that_were_put_together_stay_together(make):
    news, later = make("news"), NOON + DAY
    coarsen(news, later)
    quarantine(news, (10, 19))
    assert sketch_again(news, later) == 1
    assert offsets(news) == [(1, 90)]
    assert rows(news) == 80
    assert sketch_again(news, later) == 0


def test_ranges_put_together_afterwards_are_not_made_again(make):
    news, later = make("news"), NOON + DAY
    quarantine(news, (10, 19), (40, 44))
    sketch_again(news, SOON)
    coarsen(news, later)
    assert rows(news) == 75
    assert sketch_again(news, later) == 0


def test_a_long_quarantine_is_worked_off_in_parts(make, monkeypatch):
    monkeypatch.setattr(sketched_again, "MOST_ROWS", 30)
    news = make("news")
    quarantine(news, (5, 80))
    assert [sketch_again(news, SOON) for _ in range(4)] == [1, 1, 1, 0]
    assert rows(news) == 14


def test_a_range_that_has_changed_meanwhile_is_left_for_the_next_time(make, monkeypatch):
    news = make("news")
    quarantine(news, (85, 86))
    stale = news.sketched_ranges.get(first_offset=61)
    news.sketched_ranges.filter(pk=stale.pk).update(last_offset=95)
    monkeypatch.setattr(sketched_again, "_outdated", lambda *args: [stale])
    assert sketch_again(news, SOON) == 0
    assert rows(news) == 90


def test_what_a_version_has_learned_is_compared_without_it(make):
    news = make("news")
    ranges = [{"first_offset": 1, "last_offset": 90}]
    assert learned(news, ranges, Period({})).sketches["item"].rows == 90
    quarantine(news, (10, 19))
    sketch_again(news, SOON)
    # Also in a process that has merged these ranges before.
    assert learned(news, ranges, Period({})).sketches["item"].rows == 80


def test_predictions_are_those_of_the_version_that_was_live_then(live, append, update, monkeypatch):
    monkeypatch.setattr(sketches, "ROWS_A_RANGE", 100)  # of so few values sketches keep all
    news = live.recommender
    append(news, 100)
    follow(news, 1100)
    append(news, 100)
    update(news, "incremental")
    news.refresh_from_db()
    before = predictions(news)
    bad = quarantine(news, (1001, 1050))
    sketch_again(news, SOON)
    assert predictions(news) != before
    lift(bad)
    sketch_again(news, SOON)
    assert predictions(news) == before


def predictions(news):
    return bytes(news.sketched_ranges.get(last_offset=1100).sketches.get(feature=PREDICTION).body)


def test_the_minutes_look_finds_the_drift_gone_with_the_bad_samples(
    transactional_db, valkey, make_recommender, make_batch, make_rows, make_live
):
    news = make_recommender("news")
    make_live(news, learned_ranges=[{"first_offset": 1, "last_offset": 2000}], next_offset=2001)
    good = [row | {"item": f"i{i % 20}"} for i, row in enumerate(make_rows(3500))]
    bad = [row | {"device": "watch"} for row in good[2000:3000]]
    for first, part in ((0, good[:2000]), (2000, bad), (3000, good[3000:])):
        at = NOON + timedelta(hours=first)
        append_samples(news, make_batch(part), batch_id=str(first), arrived_at=at)
    tasks.observe_drift()
    now = NOON + timedelta(hours=3000)
    assert "device" in drifted(news, now)
    quarantine(news, (2001, 3000))
    tasks.observe_drift()
    assert "device" not in drifted(news, now)


def drifted(news, now):
    found = report(news, now, (NOON + timedelta(hours=1), now + timedelta(hours=1)))
    return {one.feature for one in found.features if one.verdict == "drifted"}


def test_a_challengers_sketches_leave_out_what_is_quarantined_of_its_champions_log(make):
    champion = make("champion")
    challenger = challenge(champion)
    follow(challenger, 90)
    quarantine(champion, (1, 30))
    assert challenger.log_owner_id in ever_quarantined()
    sketch_again(champion, SOON)
    assert sketch_again(challenger, SOON)
    assert kept(challenger) == kept(champion)
