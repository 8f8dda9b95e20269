"""Appenders, archivers and a reader at once, each on connections of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from tests.conftest import FIRST_EVENT_TIME, make_batch
from updates.models import Segment
from updates.samples.log import SampleLog

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

OVERDUE = FIRST_EVENT_TIME + timedelta(days=2)
BATCHES = 60


@pytest.fixture
def recommender(make_recommender, valkey, settings):
    settings.SEGMENT_ROWS = 25
    return make_recommender()


def append(recommender, name):
    """Every batch twice, as a client whose connection broke would."""
    answers = []
    for i in range(BATCHES):
        batch = make_batch([{"item": f"{name}-{i}"}] * (1 + i % 4))
        for _ in range(2):
            answers.append(SampleLog(recommender).append(batch, f"{name}-{i}", FIRST_EVENT_TIME))
    connection.close()
    return answers


def until(stop, work):
    while not stop.is_set():
        work()
    connection.close()


def read_dense(log):
    head = log.head().last_offset
    offsets = [o for batch in log.read(1, head + 1) for o in batch.column("offset").to_pylist()]
    assert offsets == list(range(1, head + 1))


def test_all_of_them_see_one_dense_log(recommender):
    log, stop = SampleLog(recommender), threading.Event()
    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(until, stop, lambda: log.archive(OVERDUE)) for _ in range(2)]
        others.append(pool.submit(until, stop, lambda: read_dense(log)))
        appenders = [pool.submit(append, recommender, name) for name in "ab"]
        try:
            answers = [answer for appender in appenders for answer in appender.result(60)]
        finally:
            stop.set()
        assert [other.result(30) for other in others] == [None] * 3
    assert sum(answer.duplicate for answer in answers) == len(answers) // 2
    assert log.head().last_offset == 2 * sum(1 + i % 4 for i in range(BATCHES))
    read_dense(log)
    assert Segment.objects.exists()
