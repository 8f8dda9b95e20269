"""GET audit: searchable, newest first, for those who act."""

import pytest

AUDIT = "audit"


@pytest.fixture
def changed(as_admin, as_operator, news, make_policy):
    as_admin.patch("recommenders/news", {"grace_seconds": 77})
    make_policy(news)
    as_operator.post("recommenders/news/updates", {"strategy": "full"})


def test_a_change_by_api_names_its_sender_and_values(as_operator, changed):
    [event] = as_operator.get(AUDIT, {"action": "changed", "recommender": "news"}).json()["results"]
    assert (event["actor_kind"], event["actor"]) == ("person", "admin")
    assert event["subject"] == "recommender news"
    assert event["after"] == {"grace_seconds": 77}


@pytest.mark.parametrize(
    ("asked", "actions"),
    [
        ({"q": "POLICY"}, ["created"]),
        ({"actor": "operator", "action": "triggered"}, ["triggered"]),
        ({"q": "nothing like it"}, []),
        ({"until": "2001-01-01T00:00:00Z"}, []),
    ],
)
def test_it_is_searched_by_words_actor_action_and_time(asked, actions, as_operator, changed):
    found = as_operator.get(AUDIT, asked).json()["results"]
    assert [event["action"] for event in found] == actions


def test_an_unknown_action_names_the_field(as_operator):
    answer = as_operator.get(AUDIT, {"action": "eaten"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "action"


def test_a_viewer_may_not_read_it(as_viewer):
    assert as_viewer.get(AUDIT).status_code == 403
