"""Heartbeats: what is known of workers and beats, from what they said last."""

from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone

from recadmin.heartbeats import KEPT, KEY, MAY_BE_SILENT, Pulse
from recadmin.valkey_status import valkey_status


def states():
    now = timezone.now()
    return [(process.name, str(process.state(now))) for process in valkey_status(now).processes]


@pytest.fixture
def pulse(valkey):
    return Pulse("runs@here", queues=("runs",))


def test_a_process_that_was_just_heard_of_lives(pulse):
    pulse.beat(slots=2, children=(7, 8))
    assert states() == [("runs@here", "alive")]
    [worker] = valkey_status(timezone.now()).workers
    assert {name.partition(":")[2] for name in worker.workers} == {"7", "8"}


def test_one_that_falls_silent_is_gone_and_later_forgotten(pulse, time_machine):
    pulse.beat()
    start = timezone.now()
    time_machine.move_to(start + MAY_BE_SILENT + timedelta(seconds=1), tick=False)
    assert states() == [("runs@here", "gone")]
    time_machine.move_to(start + KEPT + timedelta(seconds=1), tick=False)
    assert states() == []


def test_one_that_ends_as_it_should_is_not_missed(pulse):
    pulse.beat(stopping=True)
    assert states() == [("runs@here", "stopping")]
    pulse.end()
    assert states() == []


def test_what_another_release_said_is_passed_over(pulse, valkey):
    pulse.beat()
    valkey.hset(KEY, "runs@there:1", '{"name": "runs@there"}')
    valkey.hset(KEY, "runs@elsewhere:1", "no JSON")
    assert states() == [("runs@here", "alive")]


def test_valkey_forgets_them_all_when_nobody_beats(pulse, valkey):
    pulse.beat()
    assert 0 < valkey.ttl(KEY) <= KEPT.total_seconds()


def test_a_queue_says_how_long_its_oldest_message_has_waited(valkey, valkey_server, time_machine):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    current_app.send_task("updates.tasks.execute_run", args=[1])
    time_machine.move_to(start + timedelta(minutes=1), tick=False)
    current_app.send_task("updates.tasks.execute_run", args=[2])
    queues = {queue.name: queue for queue in valkey_status(timezone.now()).queues}
    assert queues["runs"].messages == 2
    assert queues["runs"].oldest_at == start
    assert (queues["online"].messages, queues["online"].oldest_at) == (0, None)
