"""A trainer of one's own, by the client and the real server."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from recadmin_client import AttemptOver, Conflict, training
from tests.updates.flows.conftest import FIRST_EVENT_TIME
from updates.learners import registry
from updates.models import UpdateRun

pytestmark = pytest.mark.skipif(
    "external" not in registry.names(), reason="this server has no learner `external`"
)


@pytest.fixture
def own(transactional_db, make_recommender, append):
    """A recommender that its team trains, with 1,000 samples."""
    recommender = make_recommender("own", "external", learner_options={"runner": "pull"})
    append(recommender, 1_000)
    return recommender


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    return path


def test_a_model_is_trained_judged_and_live(own, client, model):
    with client.run("own", strategy="full", worker="box-1") as run:
        learned = [offset for batch in run.samples() for offset in batch["offset"].to_pylist()]
        held_out = [label for batch in run.holdout() for label in batch["label"].to_pylist()]
        run.progress(len(learned), len(learned), phase="training", metrics={"loss": 0.5})
        done = run.publish(model, metrics={"auc": 0.7}, predictions=[0.5] * len(held_out))
    assert learned == list(range(1, len(learned) + 1))
    assert len(learned) + len(held_out) == 1_000
    assert (done.state, done.result_version) == ("promoted", 1), done.outcome
    fresh = client.recommender("own").freshness()
    assert fresh.live_version == 1
    assert fresh.watermark == FIRST_EVENT_TIME + timedelta(seconds=len(learned) - 1)


def test_a_block_that_fails_fails_its_run(own, client):
    with pytest.raises(ZeroDivisionError), client.run("own"):
        raise ZeroDivisionError("by 0")
    [run] = client.update_runs(recommender="own")
    assert run.state == "failed"
    assert "ZeroDivisionError: by 0" in run.error


def test_a_run_that_is_cancelled_ends_its_block(own, client, model, monkeypatch):
    monkeypatch.setattr(training, "REPORT_SECONDS", 0.0)
    with pytest.raises(training.Cancelled), client.run("own") as run:
        client.cancel(run.task.id)
        run.progress(1)
    with pytest.raises(AttemptOver), client.take_run(asdict(run.task)) as late:
        late.publish(model, watermark=FIRST_EVENT_TIME)
    assert UpdateRun.objects.get(pk=run.task.id).state == "cancelled"


def test_two_trainers_do_not_get_the_same_run(own, client):
    with pytest.raises(ZeroDivisionError), client.run("own"):
        with pytest.raises(Conflict), client.run("own"):
            pytest.fail("a second trainer got it")
        raise ZeroDivisionError
