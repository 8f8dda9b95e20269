"""Guardrails: what is not promoted, and why."""

import pytest

from updates.strategies import incremental


@pytest.fixture
def policy(recommender):
    return recommender.policies.create(
        name="hourly", strategy="incremental", trigger="manual", holdout_samples=500
    )


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
    train = incremental.train

    def forget(log, base, **kwargs):
        candidate = train(log, base, **kwargs)
        known = candidate.learner.predict
        candidate.learner.predict = lambda batch: 1 - known(batch)
        return candidate

    monkeypatch.setattr(incremental, "train", forget)
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


def test_chance_on_few_samples_rejects_nothing(recommender, live, policy, append, update):
    """A fifth of ten samples judges: whatever they show is within the noise."""
    append(recommender, 10)
    assert update(recommender, policy).state == "promoted"


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
