"""Cancelling, and losing a lease: the worker ends and publishes nothing."""

import threading
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from updates.flows.cancel import cancel
from updates.flows.execute import execute
from updates.flows.trigger import trigger
from updates.models import ComponentLease, ModelVersion, UpdateRun
from updates.strategies import full


def _train_until_stopped(*args, progress, **kwargs):
    while True:
        progress("training", 1, 2)


def _in_thread(run):
    def work():
        execute(run.pk, "worker-1")
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_cancelled_run_stops_within_two_seconds(recommender, monkeypatch, wait_until):
    monkeypatch.setattr(full, "train", _train_until_stopped)
    run = trigger(recommender, strategy="full")
    thread = _in_thread(run)
    wait_until(lambda: UpdateRun.objects.get(pk=run.pk).progress_phase == "training")
    cancel(run, reason="a mistake")
    thread.join(2)
    assert not thread.is_alive()
    run.refresh_from_db()
    assert (run.state, run.error) == ("cancelled", "a mistake")
    assert not ModelVersion.objects.exists()


def test_after_a_cancel_the_component_is_free_at_once(recommender, update):
    cancel(trigger(recommender, strategy="full"))
    assert update(recommender).state == "promoted"


def test_a_writer_that_lost_its_lease_publishes_nothing(recommender, monkeypatch):
    train = full.train
    run = trigger(recommender, strategy="full")

    def lose_the_lease(*args, **kwargs):
        candidate = train(*args, **kwargs)
        ComponentLease.objects.update(fence=99, run=None)
        return candidate

    monkeypatch.setattr(full, "train", lose_the_lease)
    execute(run.pk, "worker-1")
    recommender.refresh_from_db()
    assert recommender.live_version is None
    assert not ModelVersion.objects.exists()


def test_a_held_lease_lets_no_other_run_in(recommender):
    first = trigger(recommender, strategy="full")
    second = UpdateRun.objects.create(
        recommender=recommender, strategy="full", components=["weights"]
    )
    now = timezone.now()
    assert ComponentLease.acquire(first, first.components, now) == {"weights": 1}
    assert ComponentLease.acquire(second, second.components, now) is None
    assert ComponentLease.acquire(second, second.components, now + timedelta(seconds=11)) == {
        "weights": 2
    }
