"""An incremental update: the new samples on top of the live version."""

import pytest

from updates.flows.roll_back import roll_back


def test_only_new_samples_are_learned(recommender, live, append, update):
    append(recommender, 50)
    run = update(recommender, "incremental")
    assert run.state == "promoted"
    assert run.samples == 50
    assert run.result_version.learned_ranges == [{"first_offset": 1, "last_offset": 1050}]


def test_full_then_incremental_equals_one_full_update(recommender, live, append, update):
    """FTRL learns sample by sample: only what is learned counts, not in how many updates."""
    append(recommender, 50)
    incremental = update(recommender, "incremental").result_version
    whole = update(recommender, "full").result_version
    assert incremental.sparsity == whole.sparsity
    assert _files(incremental) == _files(whole)


def test_nothing_new_is_rejected_with_a_reason(recommender, live, update):
    run = update(recommender, "incremental")
    assert run.state == "rejected"
    assert run.error == "Everything up to offset 1000 is learned already."


def test_without_a_live_version_it_asks_for_a_full_update(recommender, update):
    run = update(recommender, "incremental")
    assert run.state == "rejected"
    assert "run a full update first" in run.error


def test_too_few_samples_are_rejected_by_the_guardrail(recommender, live, append, update):
    policy = recommender.policies.create(
        name="hourly", strategy="incremental", trigger="manual", min_samples=20
    )
    append(recommender, 19)
    assert update(recommender, policy).error == (
        "There are 19 samples to learn; min_samples asks for 20."
    )


def test_replayed_samples_are_said_and_make_nothing_fresher(recommender, live, append, update):
    policy = recommender.policies.create(
        name="hourly", strategy="incremental", trigger="manual", replay_fraction=2.0
    )
    append(recommender, 50)
    run = update(recommender, policy)
    replayed = [step for step in run.ranges if step["op"] == "replay"]
    assert sum(s["last_offset"] - s["first_offset"] + 1 for s in replayed) == 80
    assert run.result_version.learned_ranges == [{"first_offset": 1, "last_offset": 1050}]


def test_after_a_roll_back_the_next_update_learns_again_from_there(
    recommender, live, append, update
):
    append(recommender, 50)
    update(recommender, "incremental")
    roll_back(recommender, to=live, reason="bad clicks")
    run = update(recommender, "incremental")
    assert run.samples == 50
    assert run.result_version.parent == live


def test_it_is_judged_against_the_live_version_on_samples_new_to_both(
    recommender, live, append, update
):
    append(recommender, 500)
    metrics = update(recommender, "incremental").metrics
    assert metrics["holdout"] == {"first_offset": 1401, "last_offset": 1500}
    assert metrics["reference_version"] == live.number
    assert metrics["candidate"]["samples"] == metrics["reference"]["samples"] == 100


@pytest.mark.parametrize("learner", ["sparse_linear", "gbdt", "gbdt_lr", "wide_deep"])
def test_each_learner_can_be_updated_by_each_strategy(
    make_recommender, transactional_db, append, update, learner
):
    recommender = make_recommender(slug=learner, learner=learner)
    append(recommender, 600)
    assert update(recommender, "full").state == "promoted"
    append(recommender, 200)
    run = update(recommender, "incremental")
    assert run.state == "promoted", run.error
    assert run.result_version.next_offset == 801


def _files(version):
    import json

    from updates.store import artifacts

    return json.loads((artifacts().open(version.digest) / "manifest.json").read_text())["files"]
