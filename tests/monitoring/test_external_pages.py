"""Recommenders that their own trainers make look like any other, and say what they cannot show."""

from datetime import timedelta

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from monitoring import tasks
from monitoring.fleet_points import newest_ne
from monitoring.heaviest import heaviest_weights
from monitoring.live_quality import judge
from monitoring.models import SketchedRange
from tests.monitoring.conftest import text
from updates.flows.execute import execute
from updates.flows.explain import NotExplainable, explain_live, explanation_of
from updates.flows.external.begin import claim
from updates.flows.external.publish import Predictions, Report, publish
from updates.flows.external.reports import hear
from updates.flows.prove import request_proof
from updates.flows.quarantine import quarantine
from updates.flows.relearn import NotProvable
from updates.flows.select_samples import Selection
from updates.flows.trigger import TriggerError, trigger
from updates.models import Explanation, Recommender, ServingReport, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.serving import scorer


@pytest.fixture
def ours(db, make_recommender, append):
    """With 1,000 samples, and nothing live."""
    recommender = make_recommender("ours", "external")
    append(recommender, 1000)
    return recommender


def report_of(assignment, **fields):
    holdout = assignment.holdout_next_offset - assignment.next_offset
    fields = {
        "watermark": timezone.now() - timedelta(minutes=5),
        "next_offset": assignment.holdout_next_offset,
        "sha256": "a" * 64,
        "uri": "s3://models/17.pt",
        "metrics": {"recall_at_10": 0.31},
        "predictions": Predictions(assignment.next_offset, [0.5] * holdout),
    } | fields
    return Report(**fields)


@pytest.fixture
def versions(ours):
    """Two, the second live; with the run that made it."""
    for strategy in ("full", "full"):
        assignment = claim(ours, strategy=strategy, worker="gpu-1")
        publish(assignment.run, 1, report_of(assignment))
        assert assignment.run.state == "promoted", assignment.run.error
    ours.refresh_from_db()
    return list(ours.versions.order_by("number"))


def test_before_the_first_version_its_page_says_how_the_trainer_comes(as_viewer, ours):
    words = text(as_viewer.get("/recommenders/ours/"))
    assert "Start its trainer: it claims a run" in words
    assert "POST /api/v1/recommenders/ours/updates/claim" in words


def test_it_stands_in_the_fleet_like_any_other(as_viewer, versions):
    words = text(as_viewer.get("/"))
    assert "Ours" in words
    assert "fresh" in words


def test_its_ne_in_the_fleet_is_what_its_trainer_predicted_of_the_holdout(as_viewer, ours):
    assignment = claim(ours, worker="gpu-1")
    first, stop = assignment.next_offset, assignment.holdout_next_offset
    labels = [b["label"].to_numpy() for b in SampleLog(ours).read(first, stop)]
    scores = np.where(np.concatenate(labels) > 0.5, 0.8, 0.2).tolist()
    publish(assignment.run, 1, report_of(assignment, predictions=Predictions(first, scores)))
    ne = assignment.run.metrics["candidate"]["ne"]
    assert ne < 1
    assert newest_ne(timezone.now())[ours.pk] == pytest.approx(ne)
    assert f"{ne:.4f}" in text(as_viewer.get("/"))


def test_a_version_that_is_rejected_leaves_the_fleet_s_ne_as_it_was(versions, ours):
    before = newest_ne(timezone.now())[ours.pk]
    assignment = claim(ours, strategy="full")
    bad = [0.01] * (assignment.holdout_next_offset - assignment.next_offset)
    publish(assignment.run, 1, report_of(assignment, predictions=Predictions(801, bad)))
    assert assignment.run.state == "rejected"
    assert newest_ne(timezone.now())[ours.pk] == before


def test_where_nothing_was_predicted_no_ne_is_shown(ours):
    assignment = claim(ours)
    publish(assignment.run, 1, report_of(assignment, predictions=None))
    assert assignment.run.state == "promoted"
    assert ours.pk not in newest_ne(timezone.now())


def test_its_page_has_version_age_and_drift(as_viewer, versions):
    words = text(as_viewer.get("/recommenders/ours/"))
    assert "v2" in words
    assert "recadmin does not score with it" in words
    assert as_viewer.get("/recommenders/ours/drift/").status_code == 200
    sparsity = text(as_viewer.get("/recommenders/ours/sparsity/"))
    assert sparsity.startswith("external: its own trainer makes its versions")


def test_a_version_s_page_says_where_the_model_lies_and_offers_nothing_impossible(
    as_operator, versions
):
    page = as_operator.get("/recommenders/ours/versions/2/")
    words = text(page)
    assert "s3://models/17.pt by reference: not fetched" in words
    assert "recall_at_10 0.3100" in words
    assert "external: its own trainer made it" in words
    assert "NE" in words
    assert "Prove this version" not in words
    assert "Heaviest weights" not in words
    assert text(as_operator.get("/recommenders/ours/versions/compare/?a=1&b=2"))


def test_a_run_s_page_says_who_trains_and_how_far(as_viewer, ours):
    run = trigger(ours, strategy="full")
    assert "waiting for its trainer" in text(as_viewer.get(f"/runs/{run.pk}/"))
    assert "Nobody has claimed it yet" in text(as_viewer.get(f"/runs/{run.pk}/"))
    assignment = claim(ours, worker="gpu-1")
    hear(assignment.run, 1, phase="epoch 3", done=3, total=10, metrics={"loss": 0.7})
    words = text(as_viewer.get(f"/runs/{run.pk}/"))
    assert "epoch 3 3 of 10" in words
    assert "offsets 1 to before 801" in words
    assert "loss 0.7000" in words


def test_an_old_version_can_be_gone_back_to_without_a_comparison(
    as_operator, versions, ours, append
):
    append(ours, 200)
    words = text(as_operator.get("/recommenders/ours/versions/1/roll-back-cost/"))
    assert "external: loading is not possible" in words


def test_what_looks_at_all_recommenders_leaves_them_out(versions, ours, append, caplog):
    append(ours, 200)
    assert judge(ours, 1200, timezone.now()) is None
    tasks.observe()
    tasks.observe_drift()
    tasks.observe_turnover()
    tasks.watch()
    explain_live()
    assert SketchedRange.objects.filter(recommender=ours).exists()
    assert not Explanation.objects.exists()
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []


def test_each_thing_that_takes_a_look_inside_is_refused_by_name(versions, ours):
    with pytest.raises(NotImplementedError, match="external: scoring is not possible"):
        scorer.score(ours, [{"item": "i1"}])
    with pytest.raises(NotExplainable, match="external: an explanation is not possible"):
        explanation_of(versions[1], versions[0])
    with pytest.raises(NotProvable, match="external: learning it again is not possible"):
        request_proof(versions[1])
    assert heaviest_weights(versions[1]) is None
    assert not ServingReport.objects.exists()


@pytest.mark.parametrize("strategy", ["online", "local", "client"])
def test_updates_that_only_recadmin_could_make_are_refused(ours, strategy):
    with pytest.raises(TriggerError):
        trigger(ours, strategy=strategy, components=["model"])
    policy = UpdatePolicy(recommender=ours, name="p", strategy=strategy, trigger="continuous")
    with pytest.raises(ValidationError, match="external"):
        policy.clean()


@pytest.mark.parametrize(
    "field", ["max_score_ms", "max_deployed_bytes", "canary_seconds", "replay_fraction"]
)
def test_guardrails_that_take_the_model_are_refused(ours, field):
    policy = UpdatePolicy(
        recommender=ours, name="p", strategy="full", interval_seconds=60, **{field: 60}
    )
    with pytest.raises(ValidationError, match="external"):
        policy.clean()


def test_no_other_falls_back_to_what_is_not_scored_here(ours, make_recommender):
    other = make_recommender("other", when_stale="fall-back", fallback=ours)
    with pytest.raises(ValidationError, match="recadmin has no scores of it"):
        other.clean()


def test_it_neither_challenges_nor_is_challenged(ours, make_recommender):
    news, schema = make_recommender("news"), ours.schema
    for learner, champion in (("external", news), ("sparse_linear", ours)):
        one = Recommender(slug="new", learner=learner, schema=schema, challenges=champion)
        with pytest.raises(ValidationError, match="recadmin has no predictions of it to compare"):
            one.clean()


def test_after_a_quarantine_the_rebuild_says_what_to_do(versions, ours, operator):
    selection = Selection(first_offset=10, last_offset=20)
    quarantine(ours, selection, reason="a bug", by=operator)
    run = UpdateRun.objects.filter(strategy="rebuild").get()
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "failed"
    assert "external: learning it again is not possible" in run.error
    assignment = claim(ours, strategy="full")
    left = [0.5] * (assignment.holdout_next_offset - assignment.next_offset)
    publish(assignment.run, 1, report_of(assignment, predictions=Predictions(801, left)))
    ours.refresh_from_db()
    assert not ours.live_version.has_learned([(10, 20)])
