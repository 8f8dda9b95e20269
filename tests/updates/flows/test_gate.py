"""Guardrails: what is not promoted, and why."""

import pytest

from updates.strategies import incremental


@pytest.fixture
def policy(recommender):
    return recommender.policies.create(
        name="hourly", strategy="incremental", trigger="manual", holdout_samples=500
    )


def _forgetting(train):
    """Trains a candidate that says the opposite of what it knows."""

    def forget(log, base, **kwargs):
        candidate = train(log, base, **kwargs)
        known = candidate.learner.predict
        candidate.learner.predict = lambda batch: 1 - known(batch)
        return candidate

    return forget


def test_a_miscalibrated_candidate_is_rejected_and_kept(recommender, live, policy, append, update):
    policy.min_calibration, policy.max_calibration = 3, 4
    policy.save(update_fields=["min_calibration", "max_calibration"])
    append(recommender, 1000)
    run = update(recommender, policy)
    recommender.refresh_from_db()
    assert run.state == run.result_version.state == "rejected"
    assert "allowed is 3 to 4" in run.error
    assert recommender.live_version == live


def test_a_candidate_that_unlearned_is_rejected(
    recommender, live, policy, append, update, monkeypatch
):
    monkeypatch.setattr(incremental, "train", _forgetting(incremental.train))
    append(recommender, 2000)
    run = update(recommender, policy)
    assert run.state == "rejected"
    assert "NE is worse than the live version's by" in run.error


def test_a_weight_that_is_not_finite_is_rejected(
    recommender, live, policy, append, update, monkeypatch
):
    monkeypatch.setattr(type(recommender.new_learner()), "is_finite", lambda self: False)
    append(recommender, 100)
    assert update(recommender, policy).error == "A weight is not a finite number."


@pytest.mark.parametrize(("count", "held_out"), [(4, 0), (100, 20), (495, 99)])
def test_too_few_samples_reject_nothing_and_the_verdict_says_so(
    recommender, live, policy, append, update, monkeypatch, count, held_out
):
    monkeypatch.setattr(incremental, "train", _forgetting(incremental.train))
    append(recommender, count)
    run = update(recommender, policy)
    verdict = run.result_version.metrics["verdict"]
    assert run.state == "promoted"
    assert verdict.startswith(f"Too few new samples to judge: {held_out} held out")


def test_a_rejected_version_may_be_promoted_by_a_person(
    recommender, live, policy, append, update, operator
):
    from updates.flows.promote import promote

    policy.min_calibration, policy.max_calibration = 3, 4
    policy.save(update_fields=["min_calibration", "max_calibration"])
    append(recommender, 1000)
    rejected = update(recommender, policy).result_version
    deployment = promote(rejected, reason="The guardrail was set wrong.", by=operator)
    recommender.refresh_from_db()
    assert recommender.live_version == rejected
    assert deployment.moved_by == operator


def test_what_rounding_for_serving_costs_is_measured_with_each_version(recommender, live, update):
    assert live.metrics["rounding_loss"] is None
    recommender.learner_options = {"alpha": 0.5, "serving_precision": "q2.13"}
    recommender.save()
    metrics = update(recommender).result_version.metrics
    assert 0 < abs(metrics["rounding_loss"]) < 0.01
