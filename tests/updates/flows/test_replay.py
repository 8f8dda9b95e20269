"""A source played live: each sample once, at its time, across restarts."""

import pyarrow as pa
import pytest

from tests.conftest import make_batch
from updates.flows import replay as replay_module
from updates.flows.replay import Replay
from updates.samples.log import LogUnavailable, SampleLog
from updates.samples.replay import TimeMap, event_times_ms

START_MS = 1_800_000_000_000
# One second apart, 100 times as fast: ten milliseconds each.
SPEED = 100


class Clock:
    now = START_MS

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(make_recommender, valkey, clock):
    """Starts the replay of 100 samples, again and again."""
    recommender = make_recommender()
    samples = pa.Table.from_batches([make_batch(100)])
    return lambda: Replay(recommender, "test", samples, SPEED, clock)


def played(replay):
    samples = pa.Table.from_batches(SampleLog(replay.recommender).read(1, 1000))
    return samples["item"].to_pylist(), event_times_ms(samples).tolist()


def anchor(replay, clock):
    return TimeMap(int(replay._times[replay.next_row]), clock.now, SPEED)


def test_history_ends_now(start):
    replay = start()
    replay.load_history(0.6)
    items, times = played(replay)
    assert items == [f"i{i}" for i in range(60)]
    assert times == [START_MS - 10 * i for i in reversed(range(60))]


def test_samples_are_played_when_they_happen(start, clock):
    replay = start()
    to_present = anchor(replay, clock)
    for elapsed_ms, expected in ((0, 1), (9, 1), (10, 2), (95, 10), (10_000, 100)):
        clock.now = START_MS + elapsed_ms
        replay.play_due(to_present)
        items, times = played(replay)
        assert len(items) == expected
        assert max(times) <= clock.now
    assert replay.finished


def test_playing_ends_with_the_source(start, clock, monkeypatch):
    def pass_time(seconds):
        clock.now += int(seconds * 1000)

    monkeypatch.setattr(replay_module.time, "sleep", pass_time)
    replay = start()
    replay.load_history(0.2)
    replay_module.play(replay)
    assert played(replay)[0] == [f"i{i}" for i in range(100)]


def test_a_restart_goes_on_with_the_next_sample_at_its_own_now(start, clock):
    start().load_history(0.3)
    clock.now += 3_600_000
    replay = start()
    replay.load_history(0.3)
    replay.play_due(anchor(replay, clock))
    items, times = played(replay)
    assert items == [f"i{i}" for i in range(31)]
    assert times[-1] == clock.now


@pytest.mark.parametrize("later_ms", [0, 77])
def test_a_batch_sent_and_not_noted_is_not_played_twice(start, clock, monkeypatch, later_ms):
    dying = start()
    monkeypatch.setattr(Replay, "_remember", lambda self: None)
    dying.play_due(anchor(dying, clock))
    clock.now += later_ms
    monkeypatch.undo()
    replay = start()
    to_present = anchor(replay, clock)
    clock.now += 10_000
    while not replay.finished:
        replay.play_due(to_present)
    assert played(replay)[0] == [f"i{i}" for i in range(100)]


def test_it_waits_for_the_log(start, monkeypatch):
    replay = start()
    waits = []

    def away_twice(*args, **kwargs):
        if len(waits) < 2:
            raise LogUnavailable("away")
        return append(*args, **kwargs)

    append = replay_module.append_samples
    monkeypatch.setattr(replay_module, "append_samples", away_twice)
    monkeypatch.setattr(replay_module.time, "sleep", waits.append)
    replay.load_history(1.0)
    assert len(waits) == 2
    assert played(replay)[0] == [f"i{i}" for i in range(100)]


def test_a_recommender_created_anew_under_the_same_slug_is_played_from_the_start(
    start, make_recommender, clock
):
    first = start()
    first.load_history(1.0)
    first.recommender.delete()
    again = Replay(make_recommender(), "test", first.samples, SPEED, clock)
    assert again.next_row == 0
