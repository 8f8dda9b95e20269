"""What tests of frozen sessions share: clocks that hurry, samples that mislead, waiting."""

from tests.conftest import wait_until
from tests.updates.flows.conftest import learnable_rows
from updates.flows.append_samples import append_samples
from updates.models import PublishingFreeze, UpdateRun
from updates.samples.log import SampleLog


def look_always(monkeypatch):
    """A look after each step, and a thaw as soon as the looks allow it."""
    monkeypatch.setattr("updates.flows.online.session.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("updates.flows.online.guard.THAW_SECONDS", 0.0)


def append_wrong(recommender, make_batch, count):
    """The next so many rows of the endless stream, with the opposite labels."""
    first = SampleLog(recommender).head().last_offset
    rows = [row | {"label": 1 - row["label"]} for row in learnable_rows(count, first)]
    return append_samples(recommender, make_batch(rows), batch_id=f"wrong-{first}")


def learned(run, offset):
    """Wait until the session has learned so far."""
    wait_until(lambda: UpdateRun.objects.get(pk=run.pk).progress_done >= offset, 20)


def open_freeze(recommender):
    return PublishingFreeze.open_of(recommender)


def mislead(policy, run, append, make_batch):
    """Good samples, then wrong ones, then good ones until publishing is frozen."""
    recommender = policy.recommender
    for _ in range(3):
        last = append(recommender, 200).last_offset
        learned(run, last)
    first_wrong = last + 1
    last = append_wrong(recommender, make_batch, 1000).last_offset
    learned(run, last)
    for _ in range(20):
        learned(run, append(recommender, 200).last_offset)
        if frozen := open_freeze(recommender):
            return frozen, first_wrong
    raise AssertionError("publishing was not frozen")
