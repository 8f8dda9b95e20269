"""A full update: train anew, judge, catch up, promote."""

from datetime import timedelta

from tests.updates.flows.conftest import FIRST_EVENT_TIME
from updates.flows.trigger import trigger
from updates.strategies import full


def test_a_first_full_update_becomes_the_live_version(recommender, update):
    run = update(recommender)
    recommender.refresh_from_db()
    assert run.state == "promoted"
    assert recommender.live_version == run.result_version
    assert run.result_version.number == 1


def test_the_version_has_learned_every_sample_also_those_that_judged_it(live):
    assert live.next_offset == 1001
    assert live.learned_ranges == [{"first_offset": 1, "last_offset": 1000}]
    assert live.watermark == FIRST_EVENT_TIME + timedelta(seconds=999)


def test_the_run_says_what_it_cost_and_how_much_it_learned(recommender, update):
    run = update(recommender)
    assert run.samples == 1000
    assert run.cpu_seconds > 0
    assert run.wall_seconds > 0
    assert run.peak_memory_bytes > 10e6


def test_a_trained_model_predicts_better_than_the_background_rate(live):
    assert live.metrics["candidate"]["ne"] < 0.98
    assert live.metrics["candidate"]["samples"] == 200


def test_two_full_updates_of_the_same_samples_have_the_same_bytes(recommender, update):
    first, second = update(recommender), update(recommender)
    assert first.result_version.digest == second.result_version.digest


def test_samples_that_arrive_while_it_trains_are_learned_before_promotion(
    recommender, update, append, monkeypatch
):
    train = full.train

    def train_while_samples_arrive(*args, **kwargs):
        candidate = train(*args, **kwargs)
        append(recommender, 100)
        return candidate

    monkeypatch.setattr(full, "train", train_while_samples_arrive)
    assert update(recommender).result_version.next_offset == 1101


def test_a_window_leaves_out_what_is_older(recommender, update):
    run = update(recommender, window_seconds=399)
    since = FIRST_EVENT_TIME + timedelta(seconds=600)
    assert run.samples == 400
    assert run.ranges[0]["event_time_from"] == since.isoformat()


def test_an_empty_log_is_rejected_with_a_reason(make_recommender, transactional_db, update):
    run = update(make_recommender())
    assert (run.state, run.error) == ("rejected", "The sample log is empty.")


def test_a_failing_learner_fails_the_run_with_its_reason(recommender, update, monkeypatch):
    def broken(*args, **kwargs):
        raise MemoryError("no room for the table")

    monkeypatch.setattr(full, "train", broken)
    run = update(recommender)
    assert (run.state, run.error) == ("failed", "MemoryError: no room for the table")


def test_the_policy_says_the_window(recommender, update):
    policy = recommender.policies.create(
        name="recent", strategy="full", trigger="manual", window_seconds=99
    )
    assert update(recommender, policy).samples == 100


def test_a_component_with_a_writer_takes_no_second_one(recommender):
    import pytest

    from updates.flows.trigger import WriterBusy

    run = trigger(recommender, strategy="full")
    with pytest.raises(WriterBusy) as busy:
        trigger(recommender, strategy="incremental")
    assert busy.value.run == run


def test_a_field_that_was_dropped_is_a_missing_value_to_the_version_that_judges(
    live, append, update
):
    recommender = live.recommender
    recommender.schema = recommender.schema | {"categorical": ["country"]}
    recommender.save(update_fields=["schema"])
    append(recommender, 700)
    run = update(recommender, "full")
    assert run.state == "promoted", run.error
    assert run.metrics["reference_version"] == live.number
    assert run.metrics["reference"]["ne"] is not None
