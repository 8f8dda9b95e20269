"""Challengers by the API: made, refused, told apart from what is deployed."""

import pytest

from tests.updates.api.test_every_operation import CLICKED, ROW, SHOWN
from tests.updates.flows.challengers import challenge
from updates.models import Recommender

NEW = {"slug": "bold", "name": "Bold", "learner": "sparse_linear", "challenges": "news"}


@pytest.fixture
def challenger(news):
    return challenge(news)


def errors(response):
    return {error["field"]: error["error"] for error in response.json()["errors"]}


def test_it_is_made_with_what_its_champion_decides_left_out(as_admin, news):
    news.join_window_seconds = 60
    news.save(update_fields=["join_window_seconds"])
    answer = as_admin.post("recommenders", NEW | {"learner_options": {"alpha": 0.2}})
    assert answer.status_code == 201, answer.content
    made = Recommender.objects.get(slug="bold")
    assert made.challenges == news
    assert (made.schema, made.join_window_seconds) == (news.schema, 60)
    assert answer.json()["challenges"] == "news"
    assert as_admin.get("recommenders/news").json()["challenges"] is None


def test_another_schema_is_refused(as_admin, news):
    answer = as_admin.post("recommenders", NEW | {"schema": {"categorical": ["x"]}})
    assert answer.status_code == 400
    assert errors(answer) == {"schema": "Must be as that of news, whose samples it learns."}


def test_without_a_champion_the_schema_must_be_given(as_admin, news):
    answer = as_admin.post("recommenders", NEW | {"challenges": None})
    assert errors(answer) == {"schema": "This field is required."}


def test_a_champion_that_is_not_there_is_named(as_admin, news):
    answer = as_admin.post("recommenders", NEW | {"challenges": "absent"})
    assert "challenges" in errors(answer)


def test_a_challenger_of_a_challenger_is_refused(as_admin, challenger):
    answer = as_admin.post("recommenders", NEW | {"challenges": "challenger"})
    assert "challenge news" in errors(answer)["challenges"]


def test_whom_it_challenges_is_fixed(as_admin, challenger):
    answer = as_admin.patch("recommenders/challenger", {"challenges": None})
    assert "Is fixed" in errors(answer)["challenges"]


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("samples", [ROW]),
        ("samples", [{"label": 7}]),
        ("impressions", [SHOWN]),
        ("feedback", [CLICKED]),
    ],
)
def test_what_is_sent_to_it_is_refused_and_the_champion_named(
    as_operator, challenger, valkey, what, rows
):
    answer = as_operator.post(f"recommenders/challenger/{what}", rows)
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"].endswith("shares-log")
    assert problem["champion"] == "/api/v1/recommenders/news"
    assert "send this to news" in problem["detail"]


def test_quarantines_are_asked_of_the_champion(as_operator, as_admin, challenger, valkey):
    body = {"selection": {"first_offset": 1}, "reason": "a bug"}
    for caller, path, sent in (
        (as_operator, "quarantines", body),
        (as_operator, "quarantines/preview", {"selection": {"first_offset": 1}}),
        (as_admin, "users/u1/erase", {"reason": "asked for"}),
    ):
        answer = caller.post(f"recommenders/challenger/{path}", sent)
        assert answer.status_code == 409
        assert answer.json()["champion"] == "/api/v1/recommenders/news"


def test_a_champion_is_not_deleted_under_it(as_admin, challenger, valkey):
    answer = as_admin.delete("recommenders/news")
    assert answer.status_code == 409
    assert "challenger learn from its samples" in answer.json()["detail"]
    assert as_admin.delete("recommenders/challenger").status_code == 204
    assert as_admin.delete("recommenders/news").status_code == 204


def test_what_cannot_be_adopted_says_why(as_operator, challenger):
    answer = as_operator.post("recommenders/challenger/adopt", {"reason": "better"})
    assert answer.status_code == 409
    assert "no live version yet" in answer.json()["detail"]
    answer = as_operator.post("recommenders/challenger/adopt", {"reason": " "})
    assert answer.status_code == 400
    assert "reason" in errors(answer)
