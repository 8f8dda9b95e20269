"""GET and PUT recommenders/{slug}/users/{user}/embedding: a device and the server agree."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from updates.flows.roll_back import roll_back
from updates.samples.log import SampleLog
from updates.serving import scorer


@pytest.fixture
def update_served(films, update):
    """Update ``films``, and have the process that tests call serve what came of it."""

    def run(strategy):
        run = update(films, strategy)
        assert run.state == "promoted", run.error
        scorer.process_scorer().look()
        return run

    return run


def samples_of(recommender, user):
    """(offset, item, label) of all that the log holds of a user."""
    log = SampleLog(recommender)
    rows = [row for batch in log.read(1, log.head().last_offset + 1) for row in batch.to_pylist()]
    return [(row["offset"], row["item"], row["label"]) for row in rows if row["user"] == user]


def test_a_device_gets_its_user_s_vector_and_what_it_needs_to_go_on(device):
    phone = device("u1")
    assert len(phone.base["vector"]) == 4
    assert phone.base["learning"] == {"loss": "logistic", "rate": 0.2, "l2": 0.01, "dim": 4}
    assert phone.base["policy"]["refresh_seconds"] == 10
    assert (phone.base["revision"], phone.base["source"]) == (0, "server")


def test_a_user_that_nobody_knows_begins_at_zero(device):
    assert device("stranger").base["vector"] == [0.0] * 4


def test_what_a_device_learned_is_what_the_server_makes_of_it(device):
    phone = device("u1")
    for n in range(5):
        phone.interact(f"i{n}", n % 2)
    vector, bias = phone.vector
    status, answer = phone.send()
    assert (status, answer["outcome"], answer["source"]) == (200, "accepted", "client")
    assert answer["revision"] == 1
    assert answer["interactions"] == {"accepted": 5, "duplicate": 0, "rejected": []}
    assert np.abs(np.array(answer["vector"]) - vector).max() <= 1e-6
    assert abs(answer["bias"] - bias) <= 1e-6
    assert device("u1").base["vector"] == answer["vector"]


def test_its_interactions_are_samples_in_the_log(device, films):
    before = samples_of(films, "u1")
    phone = device("u1")
    phone.interact("i7", 1)
    phone.interact("i8", 0)
    phone.send()
    assert [row[1:] for row in samples_of(films, "u1")[len(before) :]] == [("i7", 1), ("i8", 0)]


def test_recommendations_go_by_it_at_once(device, with_token):
    caller = with_token("u1")
    address = "recommenders/films/recommendations?user=u1&k=50"
    before = caller.get(address).json()
    assert before["source"] == "server"
    phone = device("u1")
    phone.interact(before["items"][0], 1)
    phone.send()
    after = caller.get(address).json()
    assert after["source"] == "client"
    assert before["items"][0] not in after["items"]
    assert after["scores"] != before["scores"]


def test_what_is_sent_again_changes_nothing(device, films):
    phone = device("u1")
    phone.interact("i7", 1)
    body = phone.body()
    _, first = phone.send()
    count = len(samples_of(films, "u1"))
    _, again = phone.call("PUT", "users/u1/embedding", body)
    assert again["interactions"] == {"accepted": 0, "duplicate": 1, "rejected": []}
    assert (again["vector"], again["revision"]) == (first["vector"], 1)
    assert len(samples_of(films, "u1")) == count


def test_an_id_that_comes_twice_in_one_request_counts_once(device, films):
    phone = device("u1")
    phone.interact("i7", 1)
    count = len(samples_of(films, "u1"))
    phone.queue *= 2
    _, answer = phone.send()
    assert answer["interactions"] == {"accepted": 1, "duplicate": 1, "rejected": []}
    assert len(samples_of(films, "u1")) == count + 1


def test_two_devices_come_to_the_same_vector(device):
    phone, tablet = device("u1", "phone"), device("u1", "tablet")
    phone.interact("i1", 1)
    tablet.interact("i2", 0)
    assert phone.send()[1]["outcome"] == "accepted"
    _, merged = tablet.send()
    assert (merged["outcome"], merged["revision"]) == ("merged", 2)
    _, agreed = phone.send()
    assert agreed["vector"] == merged["vector"]
    assert agreed["interactions"]["accepted"] == 0


def test_what_training_has_learned_is_not_learned_on_top_once_more(device, update_served):
    phone = device("u1")
    for n in range(5):
        phone.interact(f"i{n}", 1)
    phone.send()
    assert phone.base["source"] == "client"
    run = update_served("incremental")
    again = device("u1").base
    assert (again["source"], again["offset"]) == ("server", run.result_version.next_offset - 1)
    assert again["revision"] == 1


def test_newer_knowledge_and_what_it_does_not_know_are_merged(device, update_served):
    early, late = device("u1", "phone"), device("u1", "tablet")
    late.interact("i3", 1)
    early.interact("i1", 1)
    early.send()
    update_served("incremental")
    _, answer = late.send()
    assert (answer["outcome"], answer["source"]) == ("merged", "client")
    after_training = device("u1")
    assert after_training.base["vector"] == answer["vector"]


def test_a_moved_space_takes_interactions_and_says_where_to_go_on(device, films, update_served):
    phone = device("u1")
    phone.interact("i1", 1)
    films.learner_options = {**films.learner_options, "seed": 2}
    films.save(update_fields=["learner_options"])
    update_served("full")
    count = len(samples_of(films, "u1"))
    status, problem = phone.send()
    assert (status, problem["type"]) == (409, "/api/docs/#space-moved")
    assert problem["present"]["interactions"]["accepted"] == 1
    assert len(samples_of(films, "u1")) == count + 1
    now = device("u1").base
    for member in ("vector", "space_id", "revision", "source"):
        assert problem["present"][member] == now[member]
    phone.interact("i2", 1)
    assert phone.send()[1]["outcome"] == "accepted"


def test_rolled_back_the_vector_has_what_the_older_version_lacks(device, films, update_served):
    phone = device("u1")
    phone.interact("i1", 1)
    vector = phone.send()[1]["vector"]
    learned = update_served("incremental").result_version
    roll_back(films, to=learned.parent, reason="it is worse")
    scorer.process_scorer().look()
    assert device("u1").base["vector"] == vector


BAD_ROWS = [
    ({"label": 2}, "label"),
    ({"item": ""}, "item"),
    ({"item": 5}, "item"),
    ({"id": "x" * 65}, "id"),
    ({"weight": 11}, "weight"),
    ({"weight": -1}, "weight"),
    ({"event_time": "yesterday"}, "event_time"),
    ({"price": 3}, "price"),
    ({"over": ""}, "over"),
]


@pytest.mark.parametrize(("change", "field"), BAD_ROWS)
def test_a_bad_row_is_refused_and_the_good_ones_are_taken(device, change, field):
    phone = device("u1")
    phone.interact("i1", 1)
    phone.interact("i2", 1)
    body = phone.body()
    body["interactions"][0] |= change
    status, answer = phone.call("PUT", "users/u1/embedding", body)
    assert status == 200, answer
    assert answer["interactions"]["accepted"] == 1
    assert [(row["row"], row["field"]) for row in answer["interactions"]["rejected"]] == [
        (0, field)
    ]


def test_what_is_older_than_a_device_may_be_offline_is_refused(device):
    phone = device("u1")
    phone.interact("i1", 1, at=datetime.now(UTC) - timedelta(days=8))
    phone.interact("i2", 1, at=datetime.now(UTC) - timedelta(days=6))
    _, answer = phone.send()
    assert answer["interactions"]["accepted"] == 1
    (rejected,) = answer["interactions"]["rejected"]
    assert (rejected["row"], rejected["field"]) == (0, "event_time")


def test_a_wrong_clock_is_set_right(device, films):
    phone = device("u1")
    ahead = datetime.now(UTC) + timedelta(hours=20)
    phone.interact("i1", 1, at=ahead)
    _, answer = phone.send(sent_at=ahead.isoformat())
    assert answer["interactions"]["accepted"] == 1
    newest = SampleLog(films).head().newest_event_time
    assert abs(newest - datetime.now(UTC)) < timedelta(minutes=1)


def test_without_a_policy_nothing_is_taken(device, films):
    phone = device("u1")
    films.policies.update(enabled=False)
    phone.interact("i1", 1)
    status, problem = phone.send()
    assert (status, problem["type"]) == (409, "/api/docs/#no-client-policy")
    assert device("u1").base["policy"] is None


def test_a_learner_without_vectors_of_users_says_so(as_viewer, live):
    answer = as_viewer.get("recommenders/news/users/u1/embedding")
    assert (answer.status_code, answer.json()["type"]) == (409, "/api/docs/#no-devices")
