"""What tests of online sessions share: policies, sessions that end when told, bytes to compare."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from django.db import connection

from updates.flows.execute import execute
from updates.flows.online import position
from updates.flows.trigger import trigger
from updates.models import Checkpoint, ModelVersion, Recommender, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.serving.deltas import DeltaStream, positions
from updates.store import artifacts


def hurry(monkeypatch) -> None:
    """Sessions whose clock runs a thousand times as fast."""
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() * 1000, sleep=time.sleep)
    monkeypatch.setattr("updates.flows.online.session.time", clock)


def make_policy(recommender: Recommender, **fields) -> UpdatePolicy:
    """Online: sends at once, makes checkpoints and versions only when the test has it do so."""
    about = {
        "name": "always",
        "strategy": "online",
        "trigger": "continuous",
        "sync_interval_ms": 10,
        "checkpoint_seconds": 3_600,
        "version_every_minutes": 1_440,
    }
    return UpdatePolicy.objects.create(recommender=recommender, **about | fields)


def see_through(policy: UpdatePolicy, stopping: Callable[[], bool]) -> UpdateRun:
    """A session of the policy in this thread, which asks ``stopping`` between two steps."""
    policy.recommender.refresh_from_db()
    run = trigger(policy.recommender, policy=policy)
    execute(run.pk, "test", stopping)
    run.refresh_from_db()
    return run


@contextmanager
def session(policy: UpdatePolicy) -> Iterator[tuple[UpdateRun, threading.Thread]]:
    """One in a thread of its own, as a worker has it; told to stop when the block is left."""
    policy.recommender.refresh_from_db()
    run = trigger(policy.recommender, policy=policy)
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(run.pk, stop))
    thread.start()
    try:
        yield run, thread
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def _work(run_id: int, stop: threading.Event) -> None:
    execute(run_id, "worker-1", stop.is_set)
    connection.close()


def sent_through(valkey, recommender: Recommender) -> int:
    """The last offset that was sent to serving."""
    [sent] = positions(valkey, [recommender.stream_key])
    return sent.offset if sent else 0


def learned_at_once(recommender: Recommender, count: int):
    """The learner after the first so many samples, never interrupted."""
    learner = recommender.new_learner()
    for batch in SampleLog(recommender).read(1, count + 1):
        learner.learn(batch)
    return learner


def saved(learner, folder: Path) -> dict[str, bytes]:
    """The files that the learner saves."""
    folder.mkdir()
    learner.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def bytes_of(digest: str) -> dict[str, bytes]:
    """The files of an artifact, without its manifest."""
    folder = artifacts().open(digest)
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}


def learned_and_served(recommender: Recommender, live: ModelVersion, append, valkey, folder: Path):
    """205 samples after the live version's 1,000, learned by a session: the learner that learned
    all at once, whose bytes the checkpoint has, and the serving form brought on by the deltas."""
    policy = make_policy(recommender)
    append(recommender, 205)
    see_through(policy, lambda: sent_through(valkey, recommender) >= 1205)
    expected = learned_at_once(recommender, 1205)
    assert bytes_of(Checkpoint.objects.get().digest) == saved(expected, folder / "once")

    serving = recommender.new_learner()
    serving.load_serving(artifacts().open(live.digest))
    stream = DeltaStream(valkey, recommender.stream_key, position.epoch_of(recommender))
    for sent in stream.read(1000):
        serving.apply(sent.payload)
    return expected, serving
