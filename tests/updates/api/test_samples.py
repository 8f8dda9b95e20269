"""POST recommenders/{slug}/samples."""

import gzip
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from django.db import connections

from tests.updates.api.conftest import Caller
from updates.samples.log import SampleLog

SAMPLES = "recommenders/news/samples"
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(autouse=True)
def _news(news, valkey):
    pass


@pytest.fixture
def log(news):
    return SampleLog(news)


@pytest.fixture
def rows(make_rows):
    return [row | {"event_time": row["event_time"].isoformat()} for row in make_rows(5)]


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def arrow(batch):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_a_json_list_lands(as_operator, rows, log):
    response = as_operator.post(SAMPLES, rows)
    assert response.status_code == 202
    assert response.json() == {
        "first_offset": 1,
        "last_offset": 5,
        "accepted": 5,
        "rejected": [],
        "duplicate": False,
    }
    assert log.head().last_offset == 5


def test_ndjson_and_arrow_land_as_the_same_samples(as_operator, rows, log, make_batch):
    as_operator.generic("POST", SAMPLES, lines(rows), NDJSON)
    as_operator.generic("POST", SAMPLES, arrow(make_batch(5)), ARROW)
    (stored,) = log.read(1, 11)
    samples = stored.drop_columns(["offset", "arrived_at"])
    assert samples.slice(0, 5).equals(samples.slice(5))


def test_a_retry_with_the_same_batch_id_adds_nothing(as_operator, rows, log):
    first = as_operator.post(SAMPLES, rows, headers={"Batch-Id": "b1"})
    again = as_operator.post(SAMPLES, rows, headers={"Batch-Id": "b1"})
    assert again.json() == first.json() | {"duplicate": True}
    assert first["Batch-Id"] == again["Batch-Id"] == "b1"
    assert log.head().last_offset == 5


def test_of_many_sending_one_batch_at_once_one_adds_it(operator, transactional_db, rows, log):
    def send(caller):
        try:
            return caller.post(SAMPLES, rows, headers={"Batch-Id": "b1"}).json()
        finally:
            connections.close_all()

    callers = [Caller(operator) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, callers))
    assert sorted(answer["duplicate"] for answer in answers) == [False, True, True, True]
    assert log.head().last_offset == 5


def test_a_batch_id_with_other_content_is_a_conflict(as_operator, rows, log):
    as_operator.post(SAMPLES, rows, headers={"Batch-Id": "b1"})
    response = as_operator.post(SAMPLES, rows[:2], headers={"Batch-Id": "b1"})
    assert response.status_code == 409
    assert response.json()["errors"][0]["field"] == "Batch-Id"
    assert log.head().last_offset == 5


def test_a_batch_id_is_given_where_none_came(as_operator, rows):
    first, second = (as_operator.post(SAMPLES, rows) for _ in range(2))
    assert first["Batch-Id"] != second["Batch-Id"]
    retried = as_operator.post(SAMPLES, rows, headers={"Batch-Id": first["Batch-Id"]})
    assert retried.json()["duplicate"]


def test_bad_rows_are_refused_and_good_ones_land(as_operator, rows, log):
    rows[1]["label"] = "maybe"
    rows[3]["price"] = "cheap"
    answer = as_operator.post(SAMPLES, rows).json()
    assert [(error["row"], error["field"]) for error in answer["rejected"]] == [
        (1, "label"),
        (3, "price"),
    ]
    assert (answer["accepted"], answer["last_offset"]) == (3, 3)


def test_where_no_row_is_good_none_lands(as_operator, rows, log):
    answer = as_operator.post(SAMPLES, [{"label": 7}]).json()
    assert (answer["accepted"], answer["first_offset"], len(answer["rejected"])) == (0, None, 1)
    assert log.head().last_offset == 0


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b'{"label": 1}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"not arrow", ARROW),
        (b"", NDJSON),
    ],
)
def test_what_cannot_be_read_at_all_is_a_bad_request(body, media_type, as_operator, log):
    response = as_operator.generic("POST", SAMPLES, body, media_type)
    assert response.status_code == 400
    assert log.head().last_offset == 0


def test_another_media_type_is_refused(as_operator):
    response = as_operator.generic("POST", SAMPLES, "a,b", "text/csv")
    assert response.status_code == 415


@pytest.mark.parametrize("batch_id", ["", "x" * 201, "tab\there"])
def test_a_bad_batch_id_is_named(batch_id, as_operator, rows):
    response = as_operator.post(SAMPLES, rows, headers={"Batch-Id": batch_id})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Batch-Id"


def test_a_body_above_the_limit_is_refused_before_it_is_parsed(as_operator, rows, settings, log):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = as_operator.post(SAMPLES, rows)
    assert response.status_code == 413
    assert "100 bytes" in response.json()["detail"]
    assert log.head().last_offset == 0


def send_packed(caller, packed, encoding="gzip"):
    headers = {"Content-Encoding": encoding}
    return caller.generic("POST", SAMPLES, packed, NDJSON, headers=headers)


def test_a_packed_body_is_unpacked(as_operator, rows):
    assert send_packed(as_operator, gzip.compress(lines(rows))).json()["accepted"] == 5


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(as_operator, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    packed = gzip.compress(b" " * 50_000_000)
    tracemalloc.start()
    assert send_packed(as_operator, packed).status_code == 413
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("packed", "encoding", "status"),
    [
        (b"plain", "gzip", 400),
        (gzip.compress(b'{"label": 1, "event_time": 0}')[:-4], "gzip", 400),
        (b"{}", "br", 415),
    ],
    ids=["not packed", "cut off", "packed otherwise"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(packed, encoding, status, as_operator):
    assert send_packed(as_operator, packed, encoding).status_code == status


def test_while_the_log_does_not_answer_nothing_is_promised(as_operator, rows, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    response = as_operator.post(SAMPLES, rows)
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
