"""GET recommenders/{slug}/recommendations."""

import pytest

from tests.conftest import SCHEMA
from tests.updates.flows.conftest import append, update  # noqa: F401


@pytest.fixture
def liked(transactional_db, make_recommender, append, update):  # noqa: F811
    """A recommender of 20 items, each liked by its own share of people, and a live version."""
    recommender = make_recommender("liked", "factors", schema=SCHEMA)
    append(recommender, 2_000)
    run = update(recommender)
    assert run.state == "promoted", run.error
    return "recommenders/liked/recommendations"


def test_items_come_best_first_with_the_model_s_version_and_age(as_viewer, liked):
    answer = as_viewer.get(f"{liked}?user=new&k=5").json()
    assert len(set(answer["items"])) == 5
    assert answer["scores"] == sorted(answer["scores"], reverse=True)
    assert (answer["version"], answer["offset"]) == (1, 2000)
    assert answer["age_seconds"] > 0


def test_what_was_seen_is_left_out(as_viewer, liked):
    first, second, *_ = as_viewer.get(f"{liked}?user=new&k=5").json()["items"]
    rest = as_viewer.get(f"{liked}?user=new&k=20&seen={first},{second},unknown").json()["items"]
    assert len(rest) == 18
    assert not {first, second} & set(rest)


def test_what_the_user_met_is_left_out_unless_repeats_are_wanted(as_viewer, liked):
    found = {
        repeats: as_viewer.get(f"{liked}?user=u1&k=20&{repeats}").json()["items"]
        for repeats in ("", "repeats=false", "repeats=true")
    }
    assert found[""] == found["repeats=false"]
    assert len(found[""]) < len(found["repeats=true"]) == 20


def test_a_user_that_is_not_known_gets_what_all_like(as_viewer, liked):
    strangers = [as_viewer.get(f"{liked}?user={name}").json()["items"] for name in ("new", "newer")]
    assert strangers[0] == strangers[1]
    assert len(strangers[0]) == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "user"),
        ("user=u1&k=0", "k"),
        ("user=u1&k=1001", "k"),
        ("user=u1&repeats=maybe", "repeats"),
    ],
)
def test_a_bad_question_is_refused_by_field(as_viewer, liked, query, field):
    answer = as_viewer.get(f"{liked}?{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_learner_without_items_says_so(as_viewer, live):
    answer = as_viewer.get("recommenders/news/recommendations?user=u1")
    assert answer.status_code == 409
    assert "no list of items" in answer.json()["detail"]
