"""/healthz: the process lives. /readyz: what it can do, and of the rest what to do about it."""

import os
import signal
import threading
import time
from datetime import timedelta

import pytest
import redis
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from recadmin import checks
from recadmin.heartbeats import EVERY_SECONDS, MAY_BE_SILENT, Pulse
from recadmin.queues import QUEUES
from recadmin.valkey import impatient

ESSENTIAL = {"database", "migrations", "valkey"}
EVERYTHING = ESSENTIAL | {f"worker-{queue}" for queue in QUEUES} | {"beat", "disk", "static"}
LONGEST_ANSWER_SECONDS = 2


@pytest.fixture
def processes(valkey):
    """All workers and a beat, just heard of."""
    for queue in QUEUES:
        Pulse(f"{queue}@here", queues=(queue,)).beat(slots=1)
    Pulse("beat@here").beat()


@pytest.fixture
def later(time_machine):
    """``later(seconds)``: nothing was heard of in the meantime."""

    def move(seconds):
        time_machine.move_to(timezone.now() + timedelta(seconds=seconds), tick=False)

    return move


@pytest.fixture
def frozen_valkey(valkey, valkey_server):
    """It takes connections, and answers nothing."""
    server = valkey.info("server")["process_id"]
    os.kill(server, signal.SIGSTOP)
    yield
    os.kill(server, signal.SIGCONT)


def asked(client):
    """The answer of /readyz: status, and the checks by name."""
    response = client.get("/readyz")
    answer = response.json()
    assert set(answer["checks"]) == EVERYTHING
    return response.status_code, answer["status"], answer["checks"]


def words(found, *names):
    return {name: found[name]["status"] for name in names}


def test_a_process_that_answers_is_alive(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_with_all_that_it_needs_it_is_ready(client, db, processes):
    code, status, found = asked(client)
    assert (code, status) == (200, "ok")
    assert {line["status"] for line in found.values()} == {"ok"}
    assert {line["do"] for line in found.values()} == {""}


def test_without_valkey_it_is_alive_but_gets_no_traffic(client, db, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    code, status, found = asked(client)
    assert (code, status) == (503, "unavailable")
    expected = {"database": "ok", "valkey": "failed", "worker-runs": "unknown", "beat": "unknown"}
    assert words(found, *expected) == expected
    assert client.get("/healthz").status_code == 200


def test_a_frozen_valkey_holds_the_answer_up_for_two_seconds_at_most(client, db, frozen_valkey):
    for _ in range(3):
        started = time.monotonic()
        code, _, found = asked(client)
        assert time.monotonic() - started < LONGEST_ANSWER_SECONDS
        assert code == 503
        assert found["valkey"]["said"] == "Valkey does not answer."
    assert client.get("/healthz").status_code == 200


def test_a_valkey_that_keeps_nothing_on_disk_is_not_good_enough(client, db, processes, valkey):
    valkey.config_set("appendfsync", "everysec")
    try:
        code, _, found = asked(client)
    finally:
        valkey.config_set("appendfsync", "always")
    assert code == 503
    assert "does not sync" in found["valkey"]["said"]
    assert words(found, "worker-runs", "beat") == {"worker-runs": "ok", "beat": "ok"}


def test_without_the_database_it_gets_no_traffic(client, db, processes, monkeypatch):
    def fail(self):
        raise OperationalError("no route to db.example.org")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", fail)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"]["status"] == "failed"
    assert "example.org" not in response.content.decode()


def test_a_database_that_hangs_holds_up_one_thread_however_many_ask(
    client, db, processes, monkeypatch
):
    answers, asks = threading.Event(), []

    def hang(self):
        asks.append(answers.wait(30))
        return {}

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", hang)
    for _ in range(2):
        started = time.monotonic()
        code, _, found = asked(client)
        assert time.monotonic() - started < LONGEST_ANSWER_SECONDS
        assert code == 503
        assert words(found, "database", "migrations", "valkey") == {
            "database": "failed",
            "migrations": "unknown",
            "valkey": "ok",
        }
    answers.set()
    asked(client)
    assert len(asks) <= 2


def test_a_migration_that_is_missing_keeps_traffic_away(client, db, processes, monkeypatch):
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: {})
    code, _, found = asked(client)
    assert code == 503
    assert words(found, "database", "migrations") == {"database": "ok", "migrations": "failed"}
    assert "manage.py migrate" in found["migrations"]["do"]


@pytest.mark.parametrize("queue", QUEUES)
def test_a_worker_that_is_not_heard_of_degrades_and_takes_no_traffic_away(
    client, db, processes, later, queue
):
    later(MAY_BE_SILENT.total_seconds() + EVERY_SECONDS)
    for other in QUEUES.keys() - {queue}:
        Pulse(f"{other}@here", queues=(other,)).beat(slots=1)
    Pulse("beat@here").beat()
    code, status, found = asked(client)
    assert (code, status) == (200, "degraded")
    failed = {name for name, line in found.items() if line["status"] != "ok"}
    assert failed == {f"worker-{queue}"}
    line = found[f"worker-{queue}"]
    assert "the last was heard of 25 s ago" in line["said"]
    assert line["seconds"] == pytest.approx(25, abs=1)
    assert f"“{queue}” of the Procfile" in line["do"]


def test_workers_that_never_were_are_missed_too(client, db, valkey):
    code, status, found = asked(client)
    assert (code, status) == (200, "degraded")
    assert "none was heard of lately" in found["worker-online"]["said"]


def test_a_beat_that_ticks_no_more_degrades(client, db, processes, later):
    later(60)
    for queue in QUEUES:
        Pulse(f"{queue}@here", queues=(queue,)).beat(slots=1)
    code, _, found = asked(client)
    assert code == 200
    assert found["beat"]["status"] == "failed"
    assert "Beat ticked last 1 min ago" in found["beat"]["said"]


def test_a_full_disk_degrades(client, db, processes, settings):
    settings.DISK_FLOOR_BYTES = 2**60
    code, status, found = asked(client)
    assert (code, status) == (200, "degraded")
    assert "below the floor" in found["disk"]["said"]


def test_static_files_that_were_not_collected_degrade(client, db, processes, monkeypatch):
    monkeypatch.setattr(checks, "staticfiles_storage", ManifestStaticFilesStorage())
    code, _, found = asked(client)
    assert code == 200
    assert "collectstatic" in found["static"]["do"]


def test_it_says_since_when_a_check_fails(client, db, processes, settings, later):
    settings.DISK_FLOOR_BYTES = 2**60
    since = asked(client)[2]["disk"]["since"]
    later(5)
    line = asked(client)[2]["disk"]
    assert line["since"] == since
    assert line["seconds"] == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nothing_is_changed_by_asking(path, client):
    assert client.post(path).status_code == 405


def test_valkey_is_asked_in_one_round_trip(valkey, processes):
    before = valkey.info("stats")["total_reads_processed"]
    checks.valkey_status(timezone.now())
    assert valkey.info("stats")["total_reads_processed"] - before == 2  # one is this INFO's


@pytest.fixture
def hosted_valkey(valkey, settings):
    """Lets us do all but see its configuration."""
    commands = ["+@all", "-config"]
    valkey.acl_setuser("guest", enabled=True, nopass=True, keys="*", commands=commands)
    settings.EMBEDDED_VALKEY = False
    settings.REDIS_URL = settings.REDIS_URL.replace("unix://", "unix://guest:any@")
    with pytest.raises(redis.exceptions.NoPermissionError):
        impatient().config_get("appendfsync")
    yield
    valkey.acl_deluser("guest")


def test_a_valkey_that_hides_its_configuration_is_good_enough(client, db, hosted_valkey):
    assert asked(client)[2]["valkey"]["status"] == "ok"
