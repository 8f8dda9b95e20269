"""Checkpoints are written beside learning: it waits for a copy in memory, not for the disk."""

import threading

import pytest

from tests.updates.flows.online import (
    bytes_of,
    hurry,
    learned_at_once,
    make_policy,
    saved,
    see_through,
    sent_through,
)
from updates.flows.online import checkpoints
from updates.learners.sparse.linear import SparseLinear
from updates.models import Checkpoint
from updates.store import artifacts


@pytest.fixture
def policy(live, monkeypatch):
    """Begins a checkpoint whenever none is under way."""
    hurry(monkeypatch)
    return make_policy(live.recommender, checkpoint_seconds=1)


@pytest.fixture
def slow_disk(monkeypatch):
    """``under_way`` is set once a checkpoint is being written, which then waits for ``go_on``."""

    class SlowDisk:
        under_way, go_on = threading.Event(), threading.Event()

    save = SparseLinear.save

    def save_slowly(learner, folder):
        save(learner, folder)
        SlowDisk.under_way.set()
        assert SlowDisk.go_on.wait(30)

    monkeypatch.setattr(SparseLinear, "save", save_slowly)
    return SlowDisk


def test_learning_and_sending_go_on_while_a_checkpoint_is_written(
    policy, append, valkey, slow_disk, tmp_path
):
    first, seen = [], []

    def stopping():
        if slow_disk.under_way.is_set() and not seen:
            seen.append(append(policy.recommender, 400).last_offset)
        if seen and sent_through(valkey, policy.recommender) == seen[0]:
            seen.append(Checkpoint.objects.exists())
            slow_disk.go_on.set()
        if not first and (checkpoint := Checkpoint.objects.first()):
            first.append((checkpoint.next_offset, bytes_of(checkpoint.digest)))
        return bool(first)

    append(policy.recommender, 500)
    see_through(policy, stopping)
    assert seen[:2] == [1900, False]
    [(next_offset, files)] = first
    assert next_offset < 1901
    expected = saved(learned_at_once(policy.recommender, next_offset - 1), tmp_path / "once")
    assert files == expected


def test_what_was_learned_is_the_same_with_checkpoints_all_the_time(
    policy, append, valkey, tmp_path
):
    appended = []

    def stopping():
        if len(appended) < 5:
            appended.append(append(policy.recommender, 100).last_offset)
        return sent_through(valkey, policy.recommender) == 1500

    see_through(policy, stopping)
    checkpoint = Checkpoint.objects.get()
    assert checkpoint.next_offset == 1501
    expected = saved(learned_at_once(policy.recommender, 1500), tmp_path / "once")
    assert bytes_of(checkpoint.digest) == expected


def test_only_the_newest_checkpoint_keeps_its_files(policy, append, valkey, live):
    see_through_all(policy, append, valkey)
    kept = {folder.name for folder in artifacts().root.glob("*/*")}
    assert kept == {live.digest, Checkpoint.objects.get().digest}


def see_through_all(policy, append, valkey):
    for last in (1100, 1200):
        append(policy.recommender, 100)
        run = see_through(
            policy, lambda last=last: sent_through(valkey, policy.recommender) == last
        )
        run.move("cancelled", why="the test begins another")


def test_a_checkpoint_that_cannot_be_written_fails_the_session(policy, append, monkeypatch):
    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints, "write", full)
    append(policy.recommender, 100)
    run = see_through(policy, lambda: False)
    assert (run.state, run.error) == ("failed", "OSError: No space left on device")


def test_idle_a_session_writes_no_checkpoint_twice(policy, append, valkey, monkeypatch):
    written, steps, write = [], [], checkpoints.write

    def count(run, fences, standing, candidate):
        written.append(candidate.next_offset)
        return write(run, fences, standing, candidate)

    def stopping():
        steps.append(sent_through(valkey, policy.recommender) == 1100)
        return sum(steps) >= 3

    monkeypatch.setattr(checkpoints, "write", count)
    append(policy.recommender, 100)
    see_through(policy, stopping)
    # The last one is when it ends.
    assert sorted(set(written[:-1])) == written[:-1]
