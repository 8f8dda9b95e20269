"""The page of the workers: who lives, what each is at, what waits, and what to do."""

import os
import socket
from datetime import timedelta

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from recadmin.heartbeats import MAY_BE_SILENT, Pulse
from recadmin.queues import QUEUES
from tests.monitoring.conftest import text
from updates.models import UpdateRun


@pytest.fixture
def pulses(valkey):
    """Of a worker for each queue and a beat, all just heard of; by the queue's name."""
    found = {queue: Pulse(f"{queue}@here", queues=(queue,)) for queue in QUEUES}
    found["beat"] = Pulse("beat@here")
    for pulse in found.values():
        pulse.beat(slots=2)
    return found


@pytest.fixture
def run(make_recommender):
    """Half way, by a process of ours."""
    found = UpdateRun.objects.create(
        recommender=make_recommender(), strategy="full", components=["weights"]
    )
    found.claim(f"{socket.gethostname()}:{os.getpid()}", {}, timezone.now())
    found.note(1, progress_phase="training", progress_done=5, progress_total=10)
    return found


def gone_in(time_machine, pulses, *names):
    """Time passes in which nothing is heard of these."""
    moment = timezone.now() + MAY_BE_SILENT + timedelta(seconds=10)
    time_machine.move_to(moment, tick=False)
    for queue in pulses.keys() - set(names):
        pulses[queue].beat(slots=2)


def test_it_says_who_lives_and_that_nothing_waits(as_viewer, pulses):
    words = text(as_viewer.get("/workers/"))
    assert f"runs@here pid {os.getpid()} alive runs" in words
    assert "last tick 0 s ago alive" in words
    assert words.count("none waits") == len(QUEUES)
    assert "Procfile" not in words


def test_it_says_what_a_worker_does_now(as_viewer, pulses, run):
    pulses["runs"].beat(slots=2, tasks=("updates.tasks.execute_run", "updates.tasks.prove_version"))
    for other in ("control", "online"):  # in use they are processes of their own
        pulses[other].end()
    response = as_viewer.get("/workers/")
    assert f"run {run.pk} of News full, training, 50 % prove version" in text(response)
    assert f'href="/runs/{run.pk}/"' in response.content.decode()
    assert "2 of 2" in text(response)


def test_a_worker_that_died_is_shown_as_gone_with_what_it_was_at(
    as_viewer, pulses, run, time_machine
):
    for other in ("control", "online"):
        pulses[other].end()
    gone_in(time_machine, pulses, "runs", "control", "online")
    words = text(as_viewer.get("/workers/"))
    assert "No worker takes updates, proofs and what-ifs: the last was heard of 30 s ago." in words
    assert "Start it: the line “runs” of the Procfile." in words
    assert f"gone runs – 30 s ago was at run {run.pk}" in words
    assert "none waits none –" in words


def test_a_run_of_no_known_worker_is_shown_beside_them(as_viewer, pulses, run):
    UpdateRun.objects.filter(pk=run.pk).update(worker="elsewhere:7")
    words = text(as_viewer.get("/workers/"))
    assert "Runs of other processes" in words
    assert f"run {run.pk} of News full, training, 50 % elsewhere:7" in words


def test_how_long_messages_have_waited_is_said(as_viewer, pulses, valkey_server, time_machine):
    current_app.send_task("updates.tasks.execute_run", args=[1])
    time_machine.move_to(timezone.now() + timedelta(minutes=3), tick=False)
    assert "runs updates, proofs and what-ifs 1 3 min ago" in text(as_viewer.get("/workers/"))


def test_a_beat_that_ticks_no_more_is_said(as_viewer, pulses, time_machine):
    gone_in(time_machine, pulses, "beat")
    words = text(as_viewer.get("/workers/"))
    assert "last tick 30 s ago gone" in words
    assert "nothing falls due by the clock" in words


def test_where_no_worker_was_ever_heard_of_it_says_how_to_start_them(as_viewer, valkey):
    words = text(as_viewer.get("/workers/"))
    assert "No worker was heard of in the last ten minutes. make run starts all of them" in words
    assert "No beat has ticked lately" in words


def test_without_valkey_it_still_says_which_runs_are_under_way(as_viewer, run, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    words = text(as_viewer.get("/workers/"))
    assert "Valkey does not answer. Start it" in words
    assert f"run {run.pk} of News" in words
    assert "GiB" in words


def test_a_poll_gets_only_what_changes(as_viewer, pulses):
    part = as_viewer.get("/workers/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "runs@here" in part


def test_it_costs_as_many_queries_for_many_runs_as_for_one(
    as_viewer, pulses, make_recommender, django_assert_max_num_queries
):
    for i in range(30):
        UpdateRun.objects.create(
            recommender=make_recommender(slug=f"news-{i}"), strategy="full", components=["weights"]
        ).claim("elsewhere:7", {}, timezone.now())
    with django_assert_max_num_queries(4):  # session, user, role, runs
        as_viewer.get("/workers/")


def test_only_who_may_see_it_does(as_outsider, db):
    assert as_outsider.get("/workers/").status_code == 403
    assert Client().get("/workers/").url == "/login/?next=/workers/"


def test_every_page_leads_to_it(as_viewer):
    assert 'href="/workers/"' in as_viewer.get("/").content.decode()
