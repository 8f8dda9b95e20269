"""Sketches follow the log, cover every offset once, and make up any period."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring import sketches
from monitoring.models import FeatureSketch
from monitoring.reference import learned
from monitoring.sketches import Period, arrived, coarsen, follow, newest, sketched_through
from updates.flows.append_samples import append_samples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def news(transactional_db, valkey, make_recommender):
    return make_recommender("news")


@pytest.fixture
def arrive(news, make_batch):
    """``arrive(count, at)``: so many samples, sketched once they are there."""

    def append(count, at):
        first = sketched_through(news)
        batch = make_batch(count, first=first)
        append_samples(news, batch, batch_id=f"from-{first}", arrived_at=at)
        assert follow(news, first + count) == count

    return append


def offsets(news):
    return list(
        news.sketched_ranges.order_by("first_offset").values_list("first_offset", "last_offset")
    )


def rows(period):
    return {name: sketch.rows for name, sketch in period.sketches.items()}


def test_every_feature_and_the_label_are_sketched(news, arrive):
    arrive(30, NOON)
    found = arrived(news, NOON - HOUR, NOON + HOUR)
    assert (found.first_offset, found.last_offset) == (1, 30)
    assert rows(found) == {
        "label": 30,
        "user": 30,
        "item": 30,
        "device": 30,
        "price": 30,
        "genres": 60,
    }
    assert found.sketches["device"].frequent() == {"desktop": 15, "phone": 15}


def test_following_again_sketches_nothing_twice(news, arrive):
    arrive(30, NOON)
    assert follow(news, 30) == 0
    arrive(20, NOON + timedelta(seconds=20))
    assert offsets(news) == [(1, 50)]
    assert rows(arrived(news, NOON, NOON + HOUR))["item"] == 50


def test_a_crash_in_the_middle_leaves_nothing_half_sketched(news, arrive, make_batch, monkeypatch):
    arrive(30, NOON)
    append_samples(news, make_batch(20, first=30), batch_id="next", arrived_at=NOON)
    with monkeypatch.context() as patched:
        patched.setattr(sketches, "write", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            follow(news, 50)
    assert sketched_through(news) == 30
    assert follow(news, 50) == 20
    assert rows(arrived(news, NOON, NOON + HOUR))["item"] == 50


def test_a_range_ends_with_its_minute_and_where_it_is_full(news, arrive, monkeypatch):
    monkeypatch.setattr(sketches, "ROWS_A_RANGE", 40)
    arrive(30, NOON)
    arrive(30, NOON + timedelta(seconds=30))
    arrive(10, NOON + MINUTE)
    assert offsets(news) == [(1, 40), (41, 60), (61, 70)]


def test_two_periods_are_told_apart_by_arrival_and_by_offsets(news, arrive):
    arrive(30, NOON)
    arrive(20, NOON + HOUR)
    assert rows(arrived(news, NOON + HOUR, NOON + 2 * HOUR))["item"] == 20
    nothing = Period({})
    assert rows(learned(news, [{"first_offset": 1, "last_offset": 30}], nothing))["item"] == 30
    assert learned(news, [], nothing).sketches == {}


def test_what_was_learned_is_told_without_what_it_is_compared_with(news, arrive):
    arrive(30, NOON)
    arrive(20, NOON + HOUR)
    now = newest(news, NOON + HOUR, next_offset=51, least=10)
    assert (now.first_offset, now.last_offset) == (31, 50)
    before = learned(news, [{"first_offset": 1, "last_offset": 50}], without=now)
    assert (before.first_offset, before.last_offset) == (1, 30)


def test_of_the_newest_samples_those_not_learned_count_where_they_are_enough(news, arrive):
    for minutes in range(4):
        arrive(10, NOON + minutes * MINUTE)
    assert newest(news, NOON, next_offset=21, least=20).first_offset == 21
    assert newest(news, NOON, next_offset=31, least=20).first_offset == 21
    assert newest(news, NOON + 5 * MINUTE, next_offset=41, least=15).first_offset == 21
    assert newest(news, NOON, next_offset=1, least=1_000).first_offset == 1


def test_old_ranges_are_put_together_without_losing_a_sample(news, arrive):
    for minutes in range(0, 120, 10):
        arrive(10, NOON + minutes * MINUTE)
    whole = arrived(news, NOON, NOON + 3 * HOUR)
    coarsen(news, NOON + timedelta(days=1))
    assert offsets(news) == [(1, 60), (61, 120)]
    coarsen(news, NOON + timedelta(days=9))
    assert offsets(news) == [(1, 120)]
    again = arrived(news, NOON, NOON + 3 * HOUR)
    assert rows(again) == rows(whole)
    assert again.sketches["item"].frequent() == whole.sketches["item"].frequent()
    assert FeatureSketch.objects.count() == 6
