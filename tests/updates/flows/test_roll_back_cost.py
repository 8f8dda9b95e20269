"""What a roll-back would take back, told before it is done."""

from datetime import timedelta

import pytest

from updates.flows.roll_back import roll_back
from updates.flows.roll_back_cost import roll_back_cost
from updates.models.version import IllegalVersionMove
from updates.samples.durable import LogUnavailable
from updates.samples.log import SampleLog
from updates.serving.scorer import Scorer

FRESH = 300


@pytest.fixture
def second(recommender, live, append, update):
    append(recommender, 500)
    version = update(recommender, "incremental").result_version
    live.refresh_from_db()
    return version


@pytest.fixture
def cost(live, second):
    return roll_back_cost(live, second.watermark + timedelta(seconds=60))


def test_it_counts_the_samples_that_are_given_up(cost):
    assert cost.samples == 500


def test_it_says_how_old_the_model_gets(cost, live, second):
    assert cost.age_seconds == 60
    older = (second.watermark - live.watermark).total_seconds()
    assert cost.age_after_seconds == 60 + older


def test_both_versions_are_compared_on_samples_that_neither_has_learned(cost, recommender, append):
    append(recommender, FRESH)
    judged = cost.judged
    assert (judged.first_offset, judged.last_offset) == (1501, 1500 + FRESH)
    assert judged.live.samples == judged.to.samples == FRESH
    increase = judged.to.ne - judged.live.ne
    assert judged.difference.ne_increase == pytest.approx(increase)
    assert cost.not_judged == ""


def test_without_such_samples_it_says_why_they_are_not_compared(cost):
    assert cost.judged is None
    assert "too few samples" in cost.not_judged


def test_where_the_log_does_not_answer_the_rest_is_told(cost, monkeypatch):
    def away(log):
        raise LogUnavailable("The sample log is unavailable")

    monkeypatch.setattr(SampleLog, "head", away)
    assert cost.judged is None
    assert cost.not_judged == "The sample log is unavailable"
    assert cost.samples == 500


def test_requests_rows_and_users_of_what_is_taken_back_are_counted(recommender, live, second):
    scorer = Scorer()
    for user in ("ada", "bob", "ada"):
        scorer.score(recommender, [{"item": "i1", "user": user}, {"item": "i2", "user": user}])
    scorer.counts.flush()
    cost = roll_back_cost(live, second.watermark)
    assert (cost.requests, cost.rows, cost.users) == (3, 6, 2)


def test_a_user_whom_two_deployments_answered_counts_once(
    recommender, live, second, append, update
):
    scorer = Scorer()
    scorer.score(recommender, [{"item": "i1", "user": "ada"}])
    append(recommender, 500)
    update(recommender, "incremental")
    scorer.look()
    scorer.score(recommender, [{"item": "i1", "user": user} for user in ("ada", "bob")])
    scorer.counts.flush()
    live.recommender.refresh_from_db()
    assert roll_back_cost(live, second.watermark).users == 2


def test_where_no_request_named_a_user_none_are_counted(recommender, live, second):
    scorer = Scorer()
    scorer.score(recommender, [{"item": "i1"}])
    scorer.counts.flush()
    cost = roll_back_cost(live, second.watermark)
    assert (cost.requests, cost.users) == (1, None)


def test_what_was_answered_before_does_not_count(recommender, live, append, update):
    scorer = Scorer()
    scorer.score(recommender, [{"item": "i1", "user": "ada"}])
    scorer.counts.flush()
    append(recommender, 500)
    second = update(recommender, "incremental").result_version
    live.refresh_from_db()
    assert roll_back_cost(live, second.watermark).requests == 0


def test_to_what_is_live_there_is_nothing_to_go_back(recommender, live, second):
    roll_back(recommender, to=live, reason="worse")
    live.recommender.refresh_from_db()
    with pytest.raises(IllegalVersionMove, match="nothing to go back from"):
        roll_back_cost(live, second.watermark)
