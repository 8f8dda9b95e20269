"""Following the log as it grows: what comes next, from stream or archive, as it was appended."""

import threading
from datetime import timedelta
from itertools import product

import pytest

from tests.conftest import FIRST_EVENT_TIME, make_batch
from updates.samples.log import SampleLog

NOW = FIRST_EVENT_TIME + timedelta(days=1)
LATER = NOW + timedelta(days=1)
SHORT_MS = 1
LONG_MS = 5_000


@pytest.fixture
def log(make_recommender, valkey, settings):
    settings.SEGMENT_ROWS = 30
    return SampleLog(make_recommender())


def fill(log, rows, size=10, first=0):
    for start in range(first, first + rows, size):
        log.append(make_batch(size, first=start), f"b{start}", NOW)


def offsets(found):
    return [] if found is None else found.samples.column("offset").to_pylist()


def followed(log, start, rows):
    found = []
    while stretch := log.follow(start, rows, SHORT_MS):
        found += offsets(stretch)
        start = stretch.stop
    return found


def test_nothing_comes_from_an_empty_log(log):
    assert log.follow(1, 100, SHORT_MS) is None


def test_nothing_comes_where_everything_has_been_followed(log):
    fill(log, 20)
    assert log.follow(21, 100, SHORT_MS) is None


def test_what_is_there_comes_as_one_batch_like_that_of_read(log):
    fill(log, 40)
    batch = log.follow(1, 100, SHORT_MS).samples
    assert batch.equals(next(log.read(1, 41)))


def test_about_so_many_rows_come_at_once(log):
    fill(log, 100)
    assert offsets(log.follow(1, 30, SHORT_MS)) == list(range(1, 41))


def test_a_batch_is_entered_where_the_offset_lies(log):
    fill(log, 20)
    assert offsets(log.follow(15, 100, SHORT_MS)) == list(range(15, 21))


def test_it_wakes_as_soon_as_samples_arrive(log):
    found = []
    waits = threading.Thread(target=lambda: found.append(log.follow(1, 10, LONG_MS)))
    waits.start()
    fill(log, 10)
    waits.join(LONG_MS / 1000)
    assert offsets(found[0]) == list(range(1, 11))


def test_what_has_left_the_stream_comes_from_the_archive(log):
    fill(log, 100)
    while log.archive(LATER):
        pass
    fill(log, 20, first=100)
    assert followed(log, 1, 25) == list(range(1, 121))


def test_a_stream_trimmed_between_two_looks_leaves_no_gap(log, monkeypatch):
    fill(log, 100)
    look = log.stream.client.xrange

    def trimmed_meanwhile(*args, **kwargs):
        monkeypatch.undo()
        log.archive(NOW)
        return look(*args, **kwargs)

    monkeypatch.setattr(log.stream.client, "xrange", trimmed_meanwhile)
    assert followed(log, 1, 100) == list(range(1, 101))


def test_every_offset_comes_once_wherever_it_begins_and_however_much_is_taken(log):
    fill(log, 60)
    while log.archive(LATER):
        pass
    fill(log, 60, first=60)
    for start, rows in product((1, 5, 30, 31, 60, 61, 66, 120), (1, 10, 25, 120)):
        assert followed(log, start, rows) == list(range(start, 121))
