"""The demo sets its recommenders up, plays the feed into all of them, and measures their regret."""

from datetime import timedelta

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from monitoring import metrics, series
from recadmin.demo import feed as feed_module
from recadmin.demo import feed_state
from recadmin.demo.feed import Feed
from recadmin.demo.feed_fleet import SPEED, set_up_feed
from recadmin.demo.feed_regret import Meter
from tests.updates.flows.conftest import update  # noqa: F401
from updates.flows.join import join
from updates.models import Recommender, UpdatePolicy
from updates.samples.batches import from_ms, to_ms
from updates.samples.log import SampleLog
from updates.samples.replay import TimeMap
from updates.samples.schema import LABEL
from updates.simulation.fleet import DEVICE_EVERY, FLEET, SLUGS
from updates.simulation.rows import impressions
from updates.simulation.world import TICK_MS

ROWS = 30
HISTORY = 96 * ROWS


@pytest.fixture
def clock(monkeypatch):
    """``clock(ticks)``: so many simulated ticks later."""
    # The joiner goes by its own clock, and nothing may be shown after it has arrived there.
    now = [to_ms(timezone.now() - timedelta(hours=1))]
    monkeypatch.setattr(feed_module, "_now_ms", lambda: now[0])

    def later(ticks):
        now[0] += int(ticks * TICK_MS / SPEED) + 1

    return later


@pytest.fixture
def small(monkeypatch):
    """A short history of few impressions."""
    monkeypatch.setattr(feed_module, "HISTORY_DAYS", 1 / 3)
    monkeypatch.setattr(feed_module, "IMPRESSIONS_A_TICK", ROWS)


@pytest.fixture
def recommenders(transactional_db, valkey):
    return set_up_feed()


@pytest.fixture
def feed(recommenders, small, clock):
    """With its history loaded."""
    feed = Feed(recommenders)
    feed.load_history()
    return feed


def now_map(feed):
    return TimeMap((feed.world.tick + 1) * TICK_MS, feed_module._now_ms(), SPEED)


def play(feed, clock, ticks):
    to_present = now_map(feed)
    for _ in range(ticks):
        clock(1)
        feed.beat(to_present)


def samples_of(recommender):
    return [row for batch in SampleLog(recommender).read(1, 10**9) for row in batch.to_pylist()]


def joined(recommender):
    """Its log once all windows have ended."""
    join(recommender, timezone.now() + timedelta(minutes=1))
    return samples_of(recommender)


def test_setting_up_twice_changes_nothing(transactional_db, valkey):
    call_command("demo", setup_only=True)
    policy = UpdatePolicy.objects.get(recommender__slug="feed-daily")
    policy.interval_seconds = 99
    policy.save()
    call_command("demo", setup_only=True)
    assert set(Recommender.objects.values_list("slug", flat=True)) == {
        *SLUGS,
        "ml-100k",
        "ml-100k-vectors",
    }
    policy.refresh_from_db()
    assert policy.interval_seconds == 99


def test_every_recommender_of_the_demo_would_pass_the_admin_s_checks(recommenders):
    for recommender in recommenders:
        recommender.full_clean()
        for policy in recommender.policies.all():
            policy.full_clean()


def test_the_eight_learn_the_same_schema_by_different_policies(recommenders):
    assert len({str(one.schema) for one in recommenders}) == 1
    assert [one.policies.count() for one in recommenders] == [len(e.plans) for e in FLEET]


def test_all_get_the_same_history(feed):
    logs = [samples_of(listener.recommender) for listener in feed.listeners]
    assert len(logs[0]) == HISTORY
    columns = ("user", "item", "event_time", LABEL)
    first = [[row[name] for name in columns] for row in logs[0]]
    for log in logs[1:]:
        assert [[row[name] for name in columns] for row in log] == first


def test_impressions_become_samples_with_the_clicks_that_came(feed, clock):
    before = feed.world.tick
    play(feed, clock, 24)
    rows = joined(feed.listeners[0].recommender)[HISTORY:]
    assert len(rows) == 24 * ROWS
    again = feed_module.World(feed_module.SEED)
    clicked = {}
    while again.tick < feed.world.tick:
        again.step()
        if again.tick > before:
            shown = impressions(again, ROWS)
            due = shown.shown_ms + shown.delays_ms
            came = shown.clicked & (due <= feed.world.tick * TICK_MS)
            for user, place, click in zip(shown.contexts.users, shown.places, came, strict=True):
                key = f"u{user}", f"item-{again.number[place]}"
                clicked.setdefault(key, []).append(float(click))
    found = {}
    for row in rows:
        found.setdefault((row["user"], row["item"]), []).append(row[LABEL])
    assert {key: sorted(labels) for key, labels in found.items()} == {
        key: sorted(labels) for key, labels in clicked.items()
    }


def test_event_times_are_in_the_present(feed, clock):
    play(feed, clock, 12)
    rows = joined(feed.listeners[0].recommender)
    newest = max(row["event_time"] for row in rows)
    assert 0 <= (from_ms(feed_module._now_ms()) - newest).total_seconds() < 2


def test_users_with_devices_are_heard_of_by_their_devices_alone(feed, clock):
    play(feed, clock, 12)
    with_devices = Recommender.objects.get(slug="feed-devices")
    users = {row["user"] for row in joined(with_devices)[HISTORY:]}
    assert users
    assert all(int(user[1:]) % DEVICE_EVERY for user in users)


def test_devices_send_what_their_users_saw(feed, clock, update):  # noqa: F811
    recommender = Recommender.objects.get(slug="feed-devices")
    update(recommender)
    play(feed, clock, 12)
    rows = joined(recommender)[HISTORY:]
    own = [row for row in rows if int(row["user"][1:]) % DEVICE_EVERY == 0]
    assert own
    # What was shown last is not decided yet.
    assert 10 * ROWS < len(rows) < 12 * ROWS
    assert {row[LABEL] for row in rows} == {0, 1}


def test_a_feed_that_was_killed_goes_on_as_if_it_had_not_been(feed, clock, recommenders):
    feed_state.ask_for_flash("operator")
    play(feed, clock, 5)
    feed_state.ask_for_flash("operator")
    play(feed, clock, 5)
    other = Feed(recommenders)
    assert other.world.tick == feed.world.tick
    contexts = feed.world.contexts(20, 5)
    assert np.array_equal(other.world.probabilities(contexts), feed.world.probabilities(contexts))
    play(other, clock, 20)
    assert len(joined(recommenders[0])) == HISTORY + 30 * ROWS


def test_a_flash_that_is_asked_for_starts_with_the_next_tick(feed, clock):
    play(feed, clock, 1)
    feed_state.ask_for_flash("ann")
    play(feed, clock, 1)
    [event] = [one for one in feed_state.flashes() if one.by]
    assert (event.by, event.flash.tick) == ("ann", feed.world.tick)
    assert event.flash.whole_topic
    assert "turned hot" in event.what


def test_no_more_than_five_flashes_wait(valkey):
    assert [feed_state.ask_for_flash("ann") for _ in range(6)] == [True] * 5 + [False]


def test_regret_is_recorded_of_all_that_have_a_version(feed, clock, recommenders, update):  # noqa: F811
    update(recommenders[0])
    meter = Meter(feed, recommenders)
    now = timezone.now().replace(second=0, microsecond=0)
    ten_seconds = timedelta(seconds=10)
    for at in (now, now + ten_seconds / 2, now + ten_seconds):
        meter.measure(at)
    for name in (metrics.REGRET, metrics.EXCESS_LOG_LOSS):
        [(at, value)] = series.read(recommenders[0], name, now, now + 2 * ten_seconds)
        assert at == now.timestamp() * 1000
        assert 0 < value < 1
        assert not series.read(recommenders[1], name, now, now + 2 * ten_seconds)


def test_who_follows_a_flash_is_told(feed, clock, recommenders, update):  # noqa: F811
    update(recommenders[0])
    meter = Meter(feed, recommenders)
    meter.measure(timezone.now())
    feed_state.ask_for_flash("ann")
    play(feed, clock, 1)
    meter.measure(timezone.now())
    event = feed_state.flashes()[0]
    assert event.jumps[recommenders[0].slug] > 0.03
    assert event.rose(recommenders[0].slug)
    assert event.hours[recommenders[0].slug] is None
    assert event.first is None
