"""A logger: batches, what fails, refused rows, limits, what a row may hold."""

import json
import uuid
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest

from recadmin_client import SpoolFull
from tests.client.scripted import problem
from tests.client.spooled import *  # noqa: F403 - a logger and its server
from tests.client.spooled import AWAY, files
from tests.conftest import wait_until


def test_rows_arrive_in_order_in_batches_of_the_size_asked_for(logger_of, log, spool):
    with logger_of(batch_rows=4) as logger:
        for n in range(10):
            logger.log({"n": n})
    assert log.numbers == list(range(10))
    assert [len(rows) for rows in log.batches.values()] == [4, 4, 2]
    assert files(spool) == []
    counts = logger.counts()
    assert (counts.logged, counts.sent, counts.waiting_bytes, counts.last_error) == (10, 10, 0, "")


def test_a_lonely_row_is_sent_when_it_has_waited_long_enough(logger_of, log):
    logger = logger_of(interval_seconds=0.01)
    logger.log({"n": 1})
    wait_until(lambda: log.numbers == [1])


def test_a_batch_ends_before_it_is_too_long_for_a_request(logger_of, log):
    with logger_of() as logger:
        for n in range(6):
            logger.log({"n": n, "text": "x" * 1_000_000})
    assert [len(rows) for rows in log.batches.values()] == [5, 1]


@pytest.mark.parametrize("what", ["samples", "impressions", "feedback"])
def test_each_kind_of_row_goes_to_its_address(logger_of, server, what):
    with logger_of(what=what) as logger:
        logger.log({"n": 1})
    assert server.requests[0].url.path == f"/api/v1/recommenders/news/{what}"
    assert server.requests[0].headers["Content-Type"] == "application/x-ndjson"


def test_what_fails_is_sent_again_under_the_same_name(logger_of, server, log):
    server.answers = [AWAY, problem(503), problem(401), problem(404), problem(500), problem(409)]
    with logger_of() as logger:
        logger.log({"n": 1})
    assert len(server.requests) == 7
    assert len({request.headers["Batch-Id"] for request in server.requests}) == 1
    assert log.numbers == [1]


def test_what_was_taken_though_its_answer_was_lost_is_there_once(logger_of, server, log):
    def lose_the_answer(request):
        log(request)
        return httpx.ReadError("reset")

    server.answers = [lose_the_answer]
    with logger_of() as logger:
        logger.log({"n": 1})
    assert len(server.requests) == 2
    assert log.numbers == [1]


def test_a_batch_id_begins_with_its_sender(scripted_client, spool, log):
    with scripted_client.logger("news", spool, sender="web-1") as logger:
        logger.log({"n": 1})
    assert [name.rpartition("-")[0][:6] for name in log.batches] == ["web-1-"]


def test_refused_rows_are_kept_aside_with_their_errors_and_not_sent_again(logger_of, log, server):
    log.bad = (1, 3)
    with logger_of() as logger:
        for n in range(5):
            logger.log({"n": n})
    [file] = (logger.root / "rejected").iterdir()
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"field": "n", "error": "is bad", "row": {"n": n}} for n in (1, 3)
    ]
    assert (logger.counts().sent, logger.counts().rejected) == (3, 2)
    logger_of().flush()
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [problem(400, detail="No."), problem(409, "batch-conflict")])
def test_a_batch_that_is_refused_as_a_whole_does_not_keep_others_from_being_sent(
    logger_of, log, server, answer
):
    server.answers = [answer]
    with logger_of(batch_rows=2) as logger:
        for n in range(4):
            logger.log({"n": n})
    assert log.numbers == [2, 3]
    [file] = (logger.root / "rejected").iterdir()
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["row"]["n"] for line in kept] == [0, 1]
    assert kept[0]["error"]


def test_a_full_spool_raises_and_takes_rows_again_when_it_is_empty(logger_of, away, log):
    away()
    logger = logger_of(max_bytes=25)
    logger.log({"n": 1})
    logger.log({"n": 2})
    logger.log({"n": 3})
    with pytest.raises(SpoolFull, match="25 bytes"):
        logger.log({"n": 4})
    away(False)
    assert logger.flush()
    logger.log({"n": 5})
    assert logger.flush()
    assert log.numbers == [1, 2, 3, 5]


def test_a_full_spool_drops_and_counts_where_it_is_told_to(logger_of, away):
    away()
    logger = logger_of(max_bytes=25, when_full="drop")
    for n in range(9):
        logger.log({"n": n})
    assert (logger.counts().logged, logger.counts().dropped) == (3, 6)


def test_what_lies_aside_counts_until_somebody_takes_it_away(logger_of, log):
    log.bad = range(9)
    logger = logger_of(max_bytes=50)
    logger.log({"n": 1})
    assert logger.flush()
    with pytest.raises(SpoolFull):
        logger.log({"n": 2})
    logger.close()
    for file in (logger.root / "rejected").iterdir():
        file.unlink()
    logger_of(max_bytes=50).log({"n": 2})


def test_values_of_numpy_and_times_with_a_zone_are_sent_as_json_has_them(logger_of, server):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with logger_of() as logger:
        logger.log({"n": np.int64(1), "x": np.float32(0.5), "tags": np.array(["a"]), "at": at})
    expected = {"n": 1, "x": 0.5, "tags": ["a"], "at": "2026-01-01T00:00:00+00:00"}
    assert json.loads(server.requests[0].content) == expected


@pytest.mark.parametrize(
    ("row", "error", "why"),
    [
        ({"at": datetime(2026, 1, 1)}, TypeError, "zone"),  # noqa: DTZ001 - that is the point
        ({"id": uuid.uuid4()}, TypeError, "UUID"),
        ({"x": float("nan")}, ValueError, "not JSON compliant"),
        ({"text": "x" * (1 << 20)}, ValueError, "1048576 bytes"),
    ],
    ids=["time without a zone", "unknown type", "NaN", "too long"],
)
def test_a_row_that_cannot_be_sent_is_refused_at_once(logger_of, row, error, why):
    logger = logger_of()
    with pytest.raises(error, match=why):
        logger.log(row)
    assert logger.counts().logged == 0


def test_after_its_end_a_logger_takes_nothing(logger_of):
    logger = logger_of()
    assert logger.close()
    assert logger.close()
    with pytest.raises(ValueError, match="closed"):
        logger.log({"n": 1})


@pytest.mark.parametrize(
    "options", [{"sender": "a b"}, {"sender": ""}, {"batch_rows": 0}, {"batch_rows": 100_001}]
)
def test_options_that_cannot_work_are_refused(scripted_client, spool, options):
    with pytest.raises(ValueError, match=r"sender|batch_rows"):
        scripted_client.logger("news", spool, **{"sender": "test", **options})


def test_rows_of_one_call_are_in_one_batch_where_they_fit_into_one(logger_of, log):
    with logger_of(batch_rows=4) as logger:
        logger.log({"n": 0})
        logger.log_many({"n": n} for n in range(1, 4))
        logger.log_many([{"n": 4}, {"n": 5}])
        logger.log_many({"n": n} for n in range(6, 9))
        logger.log_many([])
    assert log.numbers == list(range(9))
    assert [len(rows) for rows in log.batches.values()] == [4, 2, 3]
    assert logger.counts().logged == 9


def test_more_rows_than_a_batch_holds_are_cut(logger_of, log):
    with logger_of(batch_rows=4) as logger:
        logger.log_many({"n": n} for n in range(9))
    assert log.numbers == list(range(9))
    assert [len(rows) for rows in log.batches.values()] == [4, 4, 1]


def test_long_rows_of_one_call_are_cut_into_batches_that_a_request_may_hold(logger_of, log):
    with logger_of() as logger:
        logger.log_many({"n": n, "text": "x" * 1_000_000} for n in range(6))
    assert [len(rows) for rows in log.batches.values()] == [4, 2]


def test_of_rows_that_cannot_all_be_taken_none_is(logger_of, log):
    with logger_of(max_bytes=100) as logger:
        with pytest.raises(SpoolFull):
            logger.log_many([{"n": n} for n in range(100)])
        with pytest.raises(TypeError):
            logger.log_many([{"n": 1}, {"n": object()}])
        logger.log_many([{"n": 7}])
    assert log.numbers == [7]


def test_rows_of_one_call_that_are_dropped_are_all_counted(logger_of):
    with logger_of(max_bytes=100, when_full="drop") as logger:
        logger.log_many([{"n": n} for n in range(100)])
        assert (logger.counts().logged, logger.counts().dropped) == (0, 100)
