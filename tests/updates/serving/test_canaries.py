"""A version on trial answers its share of the users, the same ones everywhere, whole requests."""

import random

import pytest

from tests.updates.flows.canaries import append_flipped, judged, make_trying
from updates.flows.canary import end_by_hand, try_by_hand
from updates.models import Canary, Deployment
from updates.samples.parse import ParseError
from updates.serving.scorer import Scorer
from updates.store import artifacts

USERS = [f"u{number}" for number in range(2000)]
FOUR_ERRORS = 4 * (0.2 * 0.8 / len(USERS)) ** 0.5


@pytest.fixture
def scorer(recommender, live):
    """It serves version 1, and has not looked since."""
    found = Scorer()
    found.score(recommender, [{"item": "i3"}])
    found.look()
    return found


@pytest.fixture
def canary(recommender, live, append, update, scorer):
    """Version 2 on trial for a fifth of the users."""
    append(recommender, 1000)
    run = update(recommender, make_trying(recommender, canary_share=0.2))
    assert run.state == "canary", run.error
    return Canary.objects.get(run=run)


def answering(scorer, recommender, user):
    return scorer.score(recommender, [{"item": "i3", "user": user}]).version


def chosen(scorer, recommender, users=USERS):
    """Those of the users whom the version on trial answers."""
    serves = scorer.serves(recommender)
    found = (scorer.canaries.for_rows(serves, [{"user": user}]) for user in users)
    return {user for user, served in zip(users, found, strict=True) if served is not serves}


def test_its_share_of_the_users_is_answered_by_it_from_the_next_look_on(
    recommender, canary, scorer
):
    assert chosen(scorer, recommender) == set()
    scorer.look()
    assert abs(len(chosen(scorer, recommender)) / len(USERS) - 0.2) < FOUR_ERRORS
    [user, *_] = chosen(scorer, recommender)
    assert answering(scorer, recommender, user) == 2
    [other, *_] = set(USERS) - chosen(scorer, recommender)
    assert answering(scorer, recommender, other) == 1


def test_a_user_stays_with_one_version_in_every_process(recommender, canary, scorer):
    scorer.look()
    other = Scorer()
    other.score(recommender, [{"item": "i3"}])
    other.look()
    assert chosen(scorer, recommender) == chosen(other, recommender)
    digits = {str(number) for number in range(100)}
    as_numbers = chosen(scorer, recommender, range(100))
    assert {str(number) for number in as_numbers} == chosen(scorer, recommender, sorted(digits))


def test_another_canary_is_answered_by_other_users(recommender, canary, scorer):
    scorer.look()
    first = chosen(scorer, recommender)
    end_by_hand(canary.version, promote=False, reason="once more")
    canary.version.refresh_from_db()
    try_by_hand(canary.version, share=0.2, seconds=60, reason="once more")
    scorer.look()
    second = chosen(scorer, recommender)
    assert abs(len(first & second) / len(USERS) - 0.2 * 0.2) < FOUR_ERRORS


def test_requests_without_a_user_are_drawn_by_lot(recommender, canary, scorer):
    scorer.look()
    random.seed(7)
    serves = scorer.serves(recommender)
    drawn = [scorer.canaries.for_rows(serves, [{"item": "i3"}]) is not serves for _ in USERS]
    assert abs(sum(drawn) / len(drawn) - 0.2) < FOUR_ERRORS


def test_a_request_with_several_users_is_answered_as_the_first_ones(recommender, canary, scorer):
    scorer.look()
    [user, *_] = chosen(scorer, recommender)
    [other, *_] = set(USERS) - chosen(scorer, recommender)
    rows = [{"item": "i3", "user": user}, {"item": "i3", "user": other}]
    assert scorer.score(recommender, rows).version == 2
    assert scorer.score(recommender, rows[::-1]).version == 1


def test_what_is_no_row_is_refused_as_ever(recommender, canary, scorer):
    scorer.look()
    with pytest.raises(ParseError):
        scorer.score(recommender, ["i3"])


def test_it_counts_what_it_answered(recommender, canary, scorer):
    scorer.look()
    for user in USERS[:50]:
        answering(scorer, recommender, user)
    expected = len(chosen(scorer, recommender, USERS[:50]))
    scorer.counts.flush()
    canary.refresh_from_db()
    counts = (canary.scored_requests, canary.scored_rows, canary.scored_users)
    assert counts == (expected, expected, expected)
    deployment = Deployment.objects.get(ended_at=None)
    assert deployment.scored_requests == 51 - expected


def test_rejected_it_answers_nobody_at_the_next_look(
    recommender, live, append, make_batch, update, scorer
):
    lenient = {"max_ne_increase": 100, "min_calibration": 0, "max_calibration": 100}
    policy = make_trying(recommender, **lenient)
    append_flipped(recommender, make_batch, 3000)
    canary = Canary.objects.get(run=update(recommender, policy))
    scorer.look()
    assert chosen(scorer, recommender)
    policy.max_ne_increase = 0.01
    policy.save()
    append(recommender, 500)
    assert judged(canary).state == "rejected"
    scorer.look()
    assert chosen(scorer, recommender) == set()
    assert {answering(scorer, recommender, user) for user in USERS[:20]} == {1}


def test_promoted_it_answers_everybody(recommender, canary, scorer):
    scorer.look()
    end_by_hand(canary.version, promote=True, reason="sure")
    scorer.look()
    assert {answering(scorer, recommender, user) for user in USERS[:20]} == {2}
    assert chosen(scorer, recommender) == set()


def test_in_the_shadow_it_answers_nobody_and_is_not_loaded(
    recommender, live, append, update, scorer, monkeypatch
):
    append(recommender, 1000)
    run = update(recommender, make_trying(recommender, canary_share=0))
    assert run.state == "canary"
    monkeypatch.setattr("updates.serving.canaries.version_weights", None)
    scorer.look()
    assert chosen(scorer, recommender) == set()


def test_what_cannot_be_loaded_answers_nobody_until_it_is_mended(recommender, canary, scorer):
    file, *_ = artifacts().folder(canary.version.digest).glob("*.safetensors")
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + b"?")
    scorer.look()
    assert chosen(scorer, recommender) == set()
    file.write_bytes(kept)
    scorer.look()
    assert chosen(scorer, recommender) == set()
    scorer.report()
    assert chosen(scorer, recommender)


def test_nothing_new_costs_two_queries_a_look(
    recommender, canary, scorer, django_assert_num_queries
):
    scorer.look()
    with django_assert_num_queries(2):
        scorer.look()
