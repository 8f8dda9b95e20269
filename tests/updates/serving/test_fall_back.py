"""Served age: every answer has it, and a recommender says what happens when it is too old."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from tests.updates.api.conftest import Caller
from updates.models import Deployment, Recommender
from updates.samples.durable import LogUnavailable
from updates.samples.log import SampleLog
from updates.samples.schema import SampleSchema
from updates.serving import scorer
from updates.serving.fall_back import answer
from updates.serving.scorer import Scorer

ROWS = [{"item": "i3", "user": "u1"}]


@pytest.fixture
def waiting(recommender, live, append):
    """A sample waits; ``travel(seconds)`` to so long after the objective and its grace."""
    append(recommender, 1)

    def travel(seconds):
        allowed = recommender.freshness_objective_seconds + recommender.grace_seconds
        return time_machine.travel(
            live.watermark + timedelta(seconds=allowed + seconds), tick=False
        )

    return travel


@pytest.fixture
def other(live, make_recommender, append, update):
    """Another recommender of the same samples with a model of its own."""
    found = make_recommender(slug="yesterday", schema=live.recommender.sample_schema)
    append(found, 1000)
    update(found)
    return found


@pytest.fixture
def falls_back(recommender, other):
    recommender.when_stale, recommender.fallback = "fall-back", other
    recommender.save()
    return recommender


def test_beyond_objective_and_grace_an_answer_is_stale_while_samples_wait(recommender, waiting):
    found = Scorer()
    with waiting(-1):
        assert not found.score(recommender, ROWS).stale
    with waiting(1):
        assert found.score(recommender, ROWS).stale


def test_while_nothing_waits_no_answer_is_stale_whatever_the_age(recommender, live):
    with time_machine.travel(live.watermark + timedelta(days=9), tick=False):
        assert not Scorer().score(recommender, ROWS).stale


def test_where_the_log_does_not_answer_it_goes_by_the_age(recommender, live, monkeypatch):
    def away(log):
        raise LogUnavailable("away")

    monkeypatch.setattr(SampleLog, "head", away)
    with time_machine.travel(live.watermark + timedelta(days=9), tick=False):
        assert Scorer().score(recommender, ROWS).stale


def test_the_log_is_asked_once_a_second_at_most(recommender, waiting, monkeypatch):
    asked = []
    head = SampleLog.head
    monkeypatch.setattr(SampleLog, "head", lambda log: asked.append(log) or head(log))
    found = Scorer()
    with waiting(1):
        for _ in range(5):
            found.score(recommender, ROWS)
    assert len(asked) == 1


def test_a_young_model_costs_no_look_at_the_log(recommender, waiting, monkeypatch):
    monkeypatch.setattr(SampleLog, "head", lambda log: pytest.fail("asked"))
    with waiting(-1):
        Scorer().score(recommender, ROWS)


def test_a_stale_recommender_s_fallback_answers_with_its_own_age(falls_back, other, waiting):
    with waiting(1):
        found = answer(falls_back, lambda who: scorer.score(who, ROWS))
        own = scorer.score(other, ROWS)
    assert (found.fallback, found.stale) == ("yesterday", True)
    assert (found.scores, found.age_seconds) == (own.scores, own.age_seconds)


def test_while_it_is_not_stale_it_answers_itself(falls_back, waiting):
    with waiting(-1):
        assert answer(falls_back, lambda who: scorer.score(who, ROWS)).fallback is None


def test_a_fallback_with_nothing_live_leaves_the_stale_answer(
    recommender, waiting, make_recommender
):
    recommender.when_stale = "fall-back"
    recommender.fallback = make_recommender(slug="nothing-live", schema=recommender.sample_schema)
    with waiting(1):
        found = answer(recommender, lambda who: scorer.score(who, ROWS))
    assert (found.stale, found.fallback) == (True, None)


def test_stale_answers_are_counted(recommender, waiting):
    found = Scorer()
    with waiting(1):
        found.score(recommender, ROWS)
    found.counts.flush()
    assert Deployment.objects.get(ended_at=None).stale_requests == 1


@pytest.mark.parametrize(("policy", "warned"), [("serve", False), ("flag", True)])
def test_the_api_says_it_and_warns_where_that_is_asked(
    recommender, waiting, policy, warned, viewer
):
    Recommender.objects.filter(pk=recommender.pk).update(when_stale=policy)
    with waiting(1):
        response = Caller(viewer).post("recommenders/news/score", {"rows": ROWS})
    told = response.json()
    assert (told["stale"], told["fallback"], told["component_ages"]) == (True, None, {})
    assert ("Warning" in response.headers) is warned


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"when_stale": "fall-back"}, "Name the recommender"),
        ({"fallback": "itself"}, "stand in for itself"),
        ({"fallback": "narrow"}, "does not take the same fields"),
    ],
)
def test_a_fallback_that_cannot_answer_is_refused(fields, sentence, recommender, make_recommender):
    narrow = make_recommender(slug="narrow", schema=SampleSchema(user="user", item="item"))
    others = {"itself": recommender, "narrow": narrow}
    for name, value in fields.items():
        setattr(recommender, name, others.get(value, value))
    with pytest.raises(ValidationError, match=sentence):
        recommender.clean()
