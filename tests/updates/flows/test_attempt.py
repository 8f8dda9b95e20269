"""A worker's hold on a run: what its heartbeat writes, and what the run is said to have cost."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from updates.flows import attempt as attempts
from updates.flows.attempt import Attempt
from updates.models import ComponentLease, UpdateRun


@pytest.fixture
def make_attempt(recommender):
    """``make_attempt(strategy)``: of a run that a worker has just taken."""

    def take(strategy):
        run = UpdateRun.objects.create(
            recommender=recommender, strategy=strategy, components=["weights"]
        )
        fences = ComponentLease.acquire(run, run.components, timezone.now())
        return Attempt(run, fences, run.claim("worker-1", fences, timezone.now()))

    return take


@pytest.fixture
def written(monkeypatch):
    """What heartbeats wrote, with time a hundred times as fast."""
    for name in ("LOOK_SECONDS", "NOTE_SECONDS", "RENEW_SECONDS"):
        monkeypatch.setattr(attempts, name, getattr(attempts, name) / 100)
    notes, note = [], UpdateRun.note

    def count(run, number, **fields):
        notes.append(fields["progress_done"])
        return note(run, number, **fields)

    monkeypatch.setattr(UpdateRun, "note", count)
    return notes


def renewals(monkeypatch):
    """Times at which the lease was renewed."""
    times, renew = [], ComponentLease.renew

    def count(*args):
        times.append(time.monotonic())
        renew(*args)

    monkeypatch.setattr(ComponentLease, "renew", count)
    return times


def test_without_progress_nothing_is_written_but_with_the_lease(
    make_attempt, written, monkeypatch, wait_until
):
    renewed = renewals(monkeypatch)
    with make_attempt("online") as attempt:
        attempt.progress("learning", 7, None)
        wait_until(lambda: written)
        before, first = len(written), len(renewed)
        wait_until(lambda: len(renewed) >= first + 5)
        assert len(written) - before <= len(renewed) - first


def test_progress_is_written_without_waiting_for_the_lease(make_attempt, written, wait_until):
    with make_attempt("online") as attempt:
        for done in range(5):
            attempt.progress("learning", done, None)
            wait_until(lambda done=done: written and written[-1] == done)


def test_the_lease_is_held_for_as_long_as_the_attempt_lasts(make_attempt, written, wait_until):
    with make_attempt("full"):
        ComponentLease.objects.update(expires_at=timezone.now() + timedelta(seconds=1))
        soon = timezone.now() + timedelta(seconds=5)
        wait_until(lambda: ComponentLease.objects.get().expires_at > soon)
    assert ComponentLease.objects.get().run is None


@pytest.mark.parametrize(("strategy", "whole_process"), [("online", False), ("full", True)])
def test_a_session_counts_its_own_thread_and_an_update_its_whole_process(
    make_attempt, strategy, whole_process
):
    attempt = make_attempt(strategy)
    with attempt:
        others = threading.Thread(target=burn, args=(0.5,))
        others.start()
        others.join()
        attempt.spend(0.125)
    attempt.run.refresh_from_db()
    counted = attempt.run.cpu_seconds
    assert counted >= 0.125
    assert (counted >= 0.5) == whole_process


def burn(cpu_seconds):
    until = time.thread_time() + cpu_seconds
    while time.thread_time() < until:
        pass
