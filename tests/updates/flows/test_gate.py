"""Guardrails: what is not promoted, and why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from updates.flows.measured import score_shift
from updates.models import UpdatePolicy
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


@pytest.mark.parametrize(
    ("guardrail", "sentence"),
    [
        ({"max_deployed_bytes": 10}, "max_deployed_bytes allows 10."),
        ({"max_score_ms": 0.001}, "100 rows take"),
        ({"max_score_shift": 0.0}, "JS distance"),
    ],
)
def test_size_latency_and_a_shift_of_scores_are_limited_where_a_policy_says_so(
    recommender, live, policy, append, update, guardrail, sentence
):
    UpdatePolicy.objects.filter(pk=policy.pk).update(**guardrail)
    policy.refresh_from_db()
    append(recommender, 2000)
    run = update(recommender, policy)
    assert run.state == "rejected"
    assert sentence in run.error


def test_what_the_gate_measured_is_kept_with_its_interval(
    recommender, live, policy, append, update
):
    append(recommender, 2000)
    metrics = update(recommender, policy).metrics
    low, high = metrics["ne_gain_interval"]
    assert low < metrics["ne_gain"] < high
    assert 0 < metrics["score_shift"] < 1
    assert metrics["score_ms"] is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(0, 2**32))
def test_a_shift_is_0_of_the_same_scores_and_at_most_1(scores, seed):
    scores = np.array(scores)
    others = np.random.default_rng(seed).uniform(size=len(scores))
    assert score_shift(scores, scores) == 0
    assert 0 <= score_shift(others, scores) <= 1


def test_scores_that_all_changed_sides_are_a_whole_shift_apart():
    assert score_shift(np.full(50, 0.9), np.full(50, 0.1)) == pytest.approx(1)


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


EVEN_ITEMS = [f"i{i}" for i in range(0, 20, 2)]


@pytest.fixture
def sliced(recommender, policy):
    """The policy, with a limit on slices: of two with samples, one too rare, one of new values."""
    recommender.slices = [
        {"name": "even", "feature": "item", "in": EVEN_ITEMS},
        {"name": "phones", "feature": "device", "in": ["phone"]},
        {"name": "rare", "feature": "user", "in": ["u1"]},
        {"name": "new-users", "new": "user", "days": 1},
    ]
    recommender.save(update_fields=["slices"])
    policy.max_ne_increase, policy.max_slice_ne_increase = 10.0, 0.01
    policy.save(update_fields=["max_ne_increase", "max_slice_ne_increase"])
    return policy


def _wrong_on_even_items(train):
    def forget(log, base, **kwargs):
        candidate = train(log, base, **kwargs)
        known = candidate.learner.predict

        def predict(batch):
            even = np.isin(batch.column("item").to_pylist(), EVEN_ITEMS)
            return np.where(even, 1 - known(batch), known(batch))

        candidate.learner.predict = predict
        return candidate

    return forget


def test_a_candidate_that_is_worse_on_one_slice_is_rejected_and_the_slice_named(
    recommender, live, sliced, append, update, monkeypatch
):
    monkeypatch.setattr(incremental, "train", _wrong_on_even_items(incremental.train))
    append(recommender, 2500)
    run = update(recommender, sliced)
    assert run.state == "rejected"
    assert run.error.startswith("On slice even NE is ")
    assert "for all 2 slices together" in run.error
    assert "max_slice_ne_increase allows 0.01." in run.error
    even, phones = run.metrics["slices"]
    assert (even["name"], phones["name"]) == ("even", "phones")
    assert even["ne_increase"] > even["ne_increase_at_least"] > 0.01
    assert even["candidate_ne"] > even["reference_ne"]


def test_slices_are_measured_where_a_policy_limits_them_and_reject_no_equal(
    recommender, live, sliced, append, update
):
    append(recommender, 2500)
    assert [each["name"] for each in update(recommender, sliced).metrics["slices"]] == [
        "even",
        "phones",
    ]
    UpdatePolicy.objects.filter(pk=sliced.pk).update(max_slice_ne_increase=None)
    append(recommender, 1000)
    assert update(recommender, "incremental").metrics["slices"] == []
