"""Runs of an external trainer, before a server that holds to the contract."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from recadmin_client import AttemptOver, Cancelled, Invalid, training
from tests.client.conftest import URL
from tests.client.scripted import Scripted, problem
from tests.client.trainer import AT, BASE_MODEL, END, FIRST, NEXT, Trained, task
from tests.conftest import wait_until

WATERMARK = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def trained():
    return Trained()


@pytest.fixture
def server(trained):
    return Scripted(otherwise=trained)


@pytest.fixture
def client(scripted_client):
    return scripted_client


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights" * 100_000)
    return path


@pytest.fixture
def every_report(monkeypatch):
    """``progress`` asks the server each time."""
    monkeypatch.setattr(training, "REPORT_SECONDS", 0.0)


def test_a_run_is_claimed_trained_and_published(client, trained, model):
    with client.run("news", strategy="full", worker="box-1") as run:
        learned = [int(offset) for batch in run.samples() for offset in batch["offset"].to_pylist()]
        held_out = [
            int(offset) for batch in run.holdout() for offset in batch["offset"].to_pylist()
        ]
        run.progress(250, 250, phase="training", metrics={"loss": 0.5})
        scores = np.full(len(held_out), 0.25)
        published = run.publish(model, metrics={"auc": 0.7}, predictions=scores)
    assert learned == list(range(FIRST, NEXT))
    assert held_out == list(range(NEXT, END))
    assert (published.state, published.result_version, published.outcome) == (
        "promoted",
        1,
        "better",
    )
    [(_, claim)] = trained.claims
    assert claim == {"strategy": "full", "worker": "box-1"}
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert trained.artifacts == {digest: ("model.bin", model.read_bytes())}
    newest = datetime.fromtimestamp(AT / 1_000, UTC) + timedelta(seconds=NEXT - 1)
    [report] = trained.told("publish")
    assert datetime.fromisoformat(report.pop("watermark")) == newest
    assert report == {
        "attempt": 2,
        "next_offset": NEXT,
        "metrics": {"auc": 0.7},
        "artifact": {"sha256": digest},
        "predictions": {"first_offset": NEXT, "scores": [0.25] * (END - NEXT)},
    }
    assert trained.told("fail") == []


def test_an_incremental_run_goes_on_from_its_base_and_is_held_against_it(client, trained, tmp_path):
    with client.take_run(task(strategy="incremental", base_version=4)) as run:
        base = run.base_model(tmp_path / "base.bin")
        scores = np.full(END - NEXT, 0.25)
        run.publish(base, watermark=WATERMARK, predictions=scores, base_predictions=2 * scores)
    assert base.read_bytes() == BASE_MODEL
    [report] = trained.told("publish")
    assert report["predictions"] == {
        "first_offset": NEXT,
        "scores": [0.25] * (END - NEXT),
        "base_scores": [0.5] * (END - NEXT),
    }


def test_a_holdout_that_was_learned_too_counts_to_its_end(client, trained):
    with client.run("news") as run:
        read = [batch for batches in (run.samples(), run.holdout()) for batch in batches]
        run.publish(uri="s3://models/1", sha256="ab", holdout_learned=True)
    [report] = trained.told("publish")
    assert report["next_offset"] == END
    newest = read[-1]["event_time"][-1].as_py()
    assert datetime.fromisoformat(report["watermark"]) == newest


def test_a_full_run_builds_on_no_model(client, tmp_path):
    with client.run("news") as run:
        assert run.base_model(tmp_path / "base.bin") is None
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)
    assert not (tmp_path / "base.bin").exists()


def test_samples_come_in_pages_and_what_was_read_is_what_was_learned(client, trained, server):
    with client.run("news") as run:
        pages = run.samples(rows=100)
        assert [len(next(pages)), len(next(pages))] == [100, 100]
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)
    asked = [
        dict(request.url.params)
        for request in server.requests
        if b"samples" in request.url.raw_path
    ]
    assert [page["first_offset"] for page in asked] == ["1", "101"]
    [report] = trained.told("publish")
    assert report["next_offset"] == 201
    assert report["artifact"] == {"sha256": "ab", "uri": "s3://models/1"}
    assert datetime.fromisoformat(report["watermark"]) == WATERMARK
    assert "predictions" not in report


def test_a_trainer_that_reads_parquet_has_learned_all_of_its_task(client, trained):
    with client.run("news") as run:
        assert [file.path for file in run.task.parquet] == ["news/1-100.parquet"]
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)
    assert trained.told("publish")[0]["next_offset"] == NEXT


def test_progress_asks_the_server_once_a_second_at_most(client, trained):
    with client.run("news") as run:
        for n in range(1_000):
            run.progress(n, 1_000)
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)
    assert [report["done"] for report in trained.told("progress")] == [0]


def test_a_cancelled_run_stops_at_its_next_progress_and_reports_no_more(
    client, trained, every_report
):
    with pytest.raises(Cancelled, match="run 7"), client.run("news") as run:
        run.progress(1)
        trained.cancelled = True
        run.progress(2)
        pytest.fail("it went on")
    assert [what for what, _ in trained.reports] == ["progress", "progress"]


def test_a_run_that_another_attempt_has_taken_stops_and_reports_no_more(
    client, trained, every_report, model
):
    with pytest.raises(AttemptOver, match="Attempt 2 is over"), client.run("news") as run:
        trained.over = True
        run.progress(1)
    with pytest.raises(AttemptOver), client.run("news") as run:
        run.publish(model, watermark=WATERMARK)
    assert trained.reports == []


def test_a_thread_renews_the_lease_and_learns_of_a_cancel(client, trained):
    trained.lease_seconds = 0.01
    with pytest.raises(Cancelled), client.take_run(task(lease_seconds=0.01)) as run:
        wait_until(lambda: trained.told("progress"))
        assert trained.told("progress")[0] == {"attempt": 2}
        trained.cancelled = True
        wait_until(lambda: run._over)
        run.progress(1)


def test_the_thread_goes_on_when_the_server_does_not_answer(client, trained, server):
    server.answers = [problem(500), problem(409), problem(401)]
    with client.take_run(task(lease_seconds=0.01)) as run:
        wait_until(lambda: trained.told("progress"))
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)


def test_progress_that_cannot_be_told_is_no_reason_to_stop(client, server, trained):
    with client.run("news") as run:
        server.answers = [problem(500)]
        run.progress(1)
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)
    assert trained.told("progress") == []
    assert trained.told("fail") == []


@pytest.mark.parametrize("error", [ZeroDivisionError("by 0"), KeyboardInterrupt(), SystemExit(3)])
def test_a_block_that_is_left_by_an_exception_reports_the_failure(client, trained, error):
    with pytest.raises(type(error)), client.run("news"):
        raise error
    [report] = trained.told("fail")
    assert report["error"].startswith(type(error).__name__)


def test_a_block_that_ends_without_a_model_has_failed(client, trained):
    with client.run("news"):
        pass
    assert trained.told("fail") == [{"attempt": 2, "error": "ended without publishing"}]


def test_a_failure_that_cannot_be_reported_does_not_hide_what_went_wrong(client, server):
    with pytest.raises(ZeroDivisionError), client.run("news"):
        server.otherwise = problem(500)
        raise ZeroDivisionError


def test_a_damaged_upload_fails_the_run(client, trained, model, monkeypatch):
    class OtherDigest:
        def hexdigest(self):
            return "00"

    monkeypatch.setattr(training.hashlib, "file_digest", lambda *given: OtherDigest())
    with pytest.raises(Invalid, match="checksum"), client.run("news") as run:
        run.publish(model, watermark=WATERMARK)
    assert "checksum" in trained.told("fail")[0]["error"]
    assert trained.artifacts == {}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"watermark": WATERMARK}, "path"),
        ({"watermark": WATERMARK, "uri": "s3://models/1"}, "sha256"),
        ({"uri": "s3://models/1", "sha256": "ab"}, "watermark"),
        ({"uri": "s3://m", "sha256": "ab", "watermark": datetime(2026, 1, 1)}, "zone"),  # noqa: DTZ001
    ],
)
def test_what_is_not_enough_to_publish_is_said(client, given, why):
    with pytest.raises(ValueError, match=why), client.run("news") as run:
        run.publish(**given)


def test_without_a_holdout_there_is_nothing_to_predict(client):
    nothing = {"first_offset": NEXT, "next_offset": NEXT}
    with (
        pytest.raises(ValueError, match="no holdout"),
        client.take_run(task(holdout=nothing)) as run,
    ):
        assert list(run.holdout()) == []
        run.publish(uri="s3://m", sha256="ab", watermark=WATERMARK, predictions=[0.5])


def test_a_command_finds_its_run_in_the_environment(client, trained, tmp_path, monkeypatch):
    file = tmp_path / "run.json"
    file.write_text(json.dumps(task()))
    monkeypatch.setenv("RECADMIN_RUN", str(file))
    with client.run_from_environment() as run:
        assert run.task.recommender == "news"
        run.publish(uri="s3://models/1", sha256="ab", watermark=WATERMARK)
    assert trained.claims == []
    assert len(trained.told("publish")) == 1
    assert URL not in file.read_text()


def test_the_guide_s_trainer_publishes_its_model(client, trained, model, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "python-client.md").read_text()
    [code] = re.findall(r"```python\n(with client\.run.*?)```", page, re.S)

    class Model:
        def predict(self, batch):
            return [0.5] * len(batch)

    monkeypatch.chdir(model.parent)
    names = {"client": client, "learn": lambda model, batch: Model()}
    exec(code, names)
    assert names["done"].state == "promoted"
    assert len(trained.told("publish")[0]["predictions"]["scores"]) == END - NEXT
