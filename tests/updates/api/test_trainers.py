"""Trainers of external models over the API: claim, learn, report, publish."""

import hashlib
from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.updates.trainer import CLAIM, WATERMARK, Trainer, of
from updates.flows.execute import execute
from updates.flows.trigger import trigger
from updates.models import Assignment, ComponentLease, ModelVersion, UpdateRun
from updates.scheduling import tick
from updates.store import artifacts


@pytest.fixture
def live(trainer):
    """The first version, live."""
    assert trainer.publish(predictions=trainer.predictions()).json()["state"] == "promoted"
    return ModelVersion.objects.get(recommender__slug="ours")


def test_a_trainer_gets_a_run_with_what_to_learn_and_what_to_be_judged_on(trainer):
    run = trainer.run
    assert (run["strategy"], run["attempt"], run["base_version"]) == ("full", 1, None)
    assert (run["first_offset"], run["next_offset"]) == (1, 801)
    assert run["holdout"] == {"first_offset": 801, "next_offset": 1001}
    assert run["report_url"].endswith(f"/api/v1/updates/{run['id']}")
    found = UpdateRun.objects.get(pk=run["id"])
    assert (found.state, found.reason) == ("running", "pulled by gpu-1")


def test_it_reads_its_samples_page_by_page(trainer):
    rows = trainer.rows(limit=300)
    assert rows.column("offset").to_pylist() == list(range(1, 1001))
    assert {"label", "event_time", "item", "genres"} <= set(rows.column_names)
    some = trainer.rows(first_offset=10, next_offset=13)
    assert some.column("offset").to_pylist() == [10, 11, 12]


def test_it_takes_the_oldest_queued_run_that_fits(claim, ours):
    queued = trigger(ours, strategy="full", reason="by hand")
    assert claim().run["id"] == queued.pk


def test_a_run_that_waits_for_its_trainer_is_no_worker_s(ours):
    run = trigger(ours, strategy="full")
    tick()
    assert execute(run.pk, "worker") is False
    run.refresh_from_db()
    assert (run.state, run.nudged_at) == ("queued", None)


def test_where_a_writer_is_at_work_there_is_nothing_to_claim(trainer, as_operator):
    assert of(as_operator.post(CLAIM, {})) == (409, "writer-busy")
    assert UpdateRun.objects.count() == 1


def test_a_claim_sent_again_gets_the_same_run(ours, as_operator):
    first, again = (
        as_operator.post(CLAIM, {}, headers={"Idempotency-Key": "k"}).json() for _ in range(2)
    )
    assert first == again
    assert UpdateRun.objects.get().attempt == 1


def test_where_all_is_learned_nothing_is_queued(live, as_operator):
    assert of(as_operator.post(CLAIM, {})) == (409, "nothing-to-learn")
    assert UpdateRun.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "kind"), [({"runner": "webhook", "url": "https://ml.example.com/"}, "not-pulled")]
)
def test_what_recadmin_hands_out_itself_cannot_be_claimed(
    options, kind, make_recommender, as_operator
):
    make_recommender("called", "external", learner_options=options)
    assert of(as_operator.post("recommenders/called/updates/claim", {})) == (409, kind)


def test_a_published_model_is_judged_and_live_with_all_that_is_known_of_it(trainer):
    answer = trainer.publish(predictions=trainer.predictions(), metrics={"loss": 0.5})
    run = answer.json()
    assert run["state"] == "promoted", run["error"]
    assert run["metrics"]["candidate"]["samples"] == 200
    assert "there is no older version to compare" in run["metrics"]["verdict"]
    version = ModelVersion.objects.get(recommender__slug="ours")
    assert version.state == "live"
    assert version.watermark == datetime.fromisoformat(WATERMARK)
    assert version.learned_ranges == [{"first_offset": 1, "last_offset": 1000}]
    assert version.metrics["reported"] == {"loss": 0.5}
    assert (artifacts().open(version.digest) / "model").read_bytes() == b"weights"
    assert not ComponentLease.objects.filter(run__isnull=False).exists()


def test_the_next_update_builds_on_it(live, claim, append, ours):
    append(ours, 500)
    following = claim()
    assert following.run["strategy"] == "incremental"
    assert following.run["base_version"] == live.number
    assert (following.run["first_offset"], following.run["next_offset"]) == (1001, 1401)
    run = following.publish(predictions=following.predictions()).json()
    assert run["state"] == "promoted"
    assert "came without predictions of these samples" in run["metrics"]["verdict"]
    version = ModelVersion.objects.get(recommender=ours, state="live")
    assert version.parent == live
    assert version.learned_ranges == [{"first_offset": 1, "last_offset": 1500}]


def test_the_version_that_it_builds_on_is_compared_where_the_trainer_says_what_it_predicts(
    live, claim, append, ours
):
    append(ours, 500)
    following = claim()
    worse = following.predictions(good=False) | {"base_scores": following.predictions()["scores"]}
    run = following.publish(b"worse", predictions=worse).json()
    assert run["state"] == "rejected"
    assert "NE is worse than the live version's" in run["error"]
    assert run["metrics"]["reference_version"] == live.number


def test_a_version_is_held_against_what_the_live_one_predicted_of_the_same_samples(live, claim):
    again = claim(strategy="full")
    run = again.publish(b"worse", predictions=again.predictions(good=False)).json()
    assert run["state"] == "rejected"
    assert "NE is worse than the live version's" in run["error"]
    assert run["metrics"]["reference_version"] == live.number


def test_without_predictions_the_verdict_says_that_nothing_was_judged(trainer):
    run = trainer.publish().json()
    assert run["state"] == "promoted"
    assert run["metrics"]["verdict"].startswith("Nothing was judged")


def test_bad_calibration_is_rejected_with_nothing_to_compare(trainer):
    predictions = trainer.predictions()
    predictions["scores"] = [0.01] * len(predictions["scores"])
    run = trainer.publish(predictions=predictions).json()
    assert run["state"] == "rejected"
    assert "Calibration is" in run["error"]


def test_a_model_by_reference_is_recorded_and_not_fetched(trainer):
    artifact = {"sha256": "0" * 64, "uri": "s3://models/17.pt"}
    assert trainer.publish(artifact=artifact).json()["state"] == "promoted"
    assert Assignment.objects.get().artifact_uri == "s3://models/17.pt"
    digest = ModelVersion.objects.get().digest
    assert artifacts().manifest(digest)["artifact"] == artifact


def test_the_uploaded_model_of_a_version_can_be_fetched_again(live, as_operator):
    answer = as_operator.get("recommenders/ours/versions/1/artifact/model")
    assert answer.getvalue() == b"weights"


def test_rolled_back_and_promoted_like_any_other(live, claim, as_operator):
    claim(strategy="full").publish(b"second")
    back = as_operator.post("recommenders/ours/rollback", {"to": 1, "reason": "worse"})
    assert back.status_code == 200, back.content
    live.refresh_from_db()
    assert live.state == "live"
    answer = as_operator.post("recommenders/ours/versions/2/promote", {"reason": "no, better"})
    assert answer.status_code == 200, answer.content


def test_a_rejected_model_can_be_promoted_by_a_person(live, claim, as_operator):
    older = (datetime.fromisoformat(WATERMARK) - timedelta(minutes=5)).isoformat()
    assert claim(strategy="full").publish(b"old", watermark=older).json()["state"] == "rejected"
    answer = as_operator.post("recommenders/ours/versions/2/promote", {"reason": "wanted"})
    assert answer.status_code == 200, answer.content


# What goes wrong


def test_an_older_watermark_is_rejected_with_that_reason(live, claim):
    older = (datetime.fromisoformat(WATERMARK) - timedelta(minutes=5)).isoformat()
    run = claim(strategy="full").publish(b"old", watermark=older).json()
    assert run["state"] == "rejected"
    assert "is older than that of the live version 1" in run["error"]
    live.refresh_from_db()
    assert live.state == "live"


def test_a_model_that_has_learned_less_is_rejected(live, claim):
    run = claim(strategy="full").publish(b"less", next_offset=500).json()
    assert run["state"] == "rejected"
    assert "has learned model up to offset 1000" in run["error"]


def test_a_report_that_comes_twice_gets_the_same_answer_and_makes_one_version(trainer):
    first = trainer.publish()
    again = trainer.publish(artifact={"sha256": hashlib.sha256(b"weights").hexdigest()})
    assert (again.status_code, again.json()) == (200, first.json())
    assert ModelVersion.objects.count() == 1


def test_another_report_of_an_ended_attempt_is_refused(trainer):
    trainer.publish()
    artifact = {"sha256": "1" * 64, "uri": "s3://other"}
    assert of(trainer.publish(artifact=artifact)) == (409, "attempt-over")
    assert of(trainer.upload()) == (409, "attempt-over")
    assert of(trainer.progress()) == (409, "attempt-over")
    assert of(trainer.fail()) == (409, "attempt-over")


def test_a_wrong_checksum_keeps_nothing(trainer):
    assert of(trainer.upload(sha256="2" * 64)) == (422, "checksum-mismatch")
    refused = trainer.publish(artifact={"sha256": "2" * 64})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "artifact.sha256"
    files = [path for path in artifacts().root.rglob("*") if path.is_file()]
    assert files == []


def test_a_model_beyond_the_limit_keeps_nothing(trainer, settings):
    settings.EXTERNAL_ARTIFACT_BYTES = 3
    assert trainer.upload(b"four").status_code == 413
    assert [path for path in artifacts().root.rglob("*") if path.is_file()] == []


def test_after_a_cancel_the_trainer_is_told_and_can_publish_nothing(trainer, as_operator):
    as_operator.post(f"{trainer.path}/cancel", {})
    assert trainer.progress().json() == {
        "state": "cancelled",
        "lease_seconds": 30,
        "cancelled": True,
    }
    assert of(trainer.publish(artifact={"sha256": "3" * 64, "uri": "x"})) == (409, "attempt-over")
    assert not ModelVersion.objects.exists()


def test_a_failure_is_told_once_and_known_again(trainer):
    assert trainer.fail("out of memory").json()["error"] == "out of memory"
    assert trainer.fail("out of memory").status_code == 200
    assert of(trainer.fail("something else")) == (409, "attempt-over")


def test_what_is_null_is_left_out(trainer):
    left_out = {"phase": None, "done": None, "total": None, "metrics": None}
    assert trainer.progress(**left_out).status_code == 200
    assert trainer.publish(metrics=None, predictions=None).json()["state"] == "promoted"


def test_progress_is_shown_and_renews_the_lease(trainer):
    with time_machine.travel(timezone.now() + timedelta(seconds=20), tick=False):
        heard = trainer.progress(phase="epoch 1", done=3, total=10, metrics={"loss": 0.7}).json()
        assert heard == {"state": "running", "lease_seconds": 30, "cancelled": False}
    with time_machine.travel(timezone.now() + timedelta(seconds=45), tick=False):
        tick()
    run = UpdateRun.objects.get()
    assert (run.state, run.progress_phase, run.progress_done) == ("running", "epoch 1", 3)
    assert Assignment.objects.get().reported == {"loss": 0.7}


def test_a_silent_trainer_loses_its_run_to_the_next_that_asks(trainer, claim):
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        tick()
        run = UpdateRun.objects.get()
        assert (run.state, run.deaths) == ("queued", 1)
        assert of(trainer.progress()) == (409, "attempt-over")
        following = claim()
        assert (following.run["id"], following.run["attempt"]) == (trainer.run["id"], 2)
        assert of(trainer.publish(artifact={"sha256": "4" * 64, "uri": "x"}))[1] == "attempt-over"
        assert following.publish().json()["state"] == "promoted"


def test_a_run_whose_trainers_keep_dying_fails(claim):
    now = timezone.now()
    for death in range(3):
        with time_machine.travel(now + timedelta(minutes=death), tick=False):
            claim()
        with time_machine.travel(now + timedelta(minutes=death, seconds=40), tick=False):
            tick()
    run = UpdateRun.objects.get()
    assert run.state == "failed"
    assert "worker gpu-1 stopped answering" in run.error


def test_a_trainer_that_takes_longer_than_it_may_fails(make_recommender, append, as_operator):
    options = {"time_limit_seconds": 60, "lease_seconds": 60}
    append(make_recommender("slow", "external", learner_options=options), 100)
    now = timezone.now()
    trainer = Trainer(as_operator, as_operator.post("recommenders/slow/updates/claim", {}).json())
    for seconds in (30, 59):
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            assert trainer.progress().status_code == 200
    with time_machine.travel(now + timedelta(seconds=62), tick=False):
        assert of(trainer.progress()) == (409, "attempt-over")
        assert trainer.caller.get(trainer.path).json()["error"].endswith("time limit of 60 s.")


@pytest.mark.parametrize(
    ("report", "field"),
    [
        ({"watermark": "2999-01-01T00:00:00Z"}, "watermark"),
        ({"next_offset": 5000}, "next_offset"),
        ({"next_offset": 1}, "next_offset"),
        ({"predictions": {"first_offset": 801, "scores": [0.5]}}, "predictions.scores"),
        ({"predictions": {"first_offset": 7, "scores": [0.5]}}, "predictions.first_offset"),
        ({"predictions": {"first_offset": 801, "scores": [2.0]}}, "predictions.scores.0"),
        (
            {"predictions": {"first_offset": 801, "scores": [0.5] * 200, "base_scores": [0.5]}},
            "predictions.base_scores",
        ),
        ({"artifact": {"sha256": "abc"}}, "artifact.sha256"),
        ({"predictions": {"first_offset": 801, "scores": ["nan"]}}, "predictions.scores.0"),
        ({"metrics": {"loss": "high"}}, "metrics.loss"),
        ({"metrics": {"loss": "inf"}}, "metrics.loss"),
    ],
)
def test_a_report_that_cannot_be_right_names_the_field_and_may_be_sent_again(
    trainer, report, field
):
    refused = trainer.publish(**{"artifact": {"sha256": "5" * 64, "uri": "x"}} | report)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field
    assert trainer.publish().json()["state"] == "promoted"


def test_recadmin_itself_trains_the_others(news, make_run, as_operator):
    answer = as_operator.post("recommenders/news/updates/claim", {})
    assert of(answer) == (409, "not-pulled")
    run = make_run(news)
    answer = as_operator.post(f"updates/{run.pk}/progress", {"attempt": 1})
    assert of(answer) == (409, "trained-here")


def test_an_external_model_is_not_scored_here(live, as_viewer):
    answer = as_viewer.post("recommenders/ours/score", {"rows": [{"item": "i1"}]})
    assert of(answer) == (409, "trained-elsewhere")
    assert "external:" in answer.json()["detail"]
    assert of(as_viewer.get("recommenders/ours/recommendations?user=u1"))[1] == "trained-elsewhere"
