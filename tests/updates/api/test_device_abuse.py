"""What devices must not do: vectors that nothing leads to, too much of everything."""

from datetime import UTC, datetime

import numpy as np
import pytest
import time_machine

from updates.flows.refresh_user import devices_of
from updates.samples.log import SampleLog
from updates.serving import scorer


def refused(films, device, **changes):
    """The problem that a phone's request with these changes meets; nothing is taken."""
    phone = device("u1")
    phone.interact("i1", 1)
    head = SampleLog(films).head()
    status, problem = phone.send(**changes)
    assert SampleLog(films).head() == head
    assert device("u1").base["revision"] == 0
    return status, problem


@pytest.mark.parametrize(
    ("vector", "kind"),
    [
        ([0.0] * 3, "wrong-dimension"),
        ([0.0] * 5, "wrong-dimension"),
        ([1e39, 0, 0, 0], "not-finite"),
        ([1e6, 0, 0, 0], "huge-norm"),
        ([3.0, 0, 0, 0], "unexplained-jump"),
    ],
)
def test_a_vector_that_nothing_leads_to_is_refused_and_counted(films, device, vector, kind):
    status, problem = refused(films, device, vector=vector)
    assert (status, problem["type"]) == (400, "/api/docs/#implausible-vector")
    assert [(e["field"], e["kind"]) for e in problem["errors"]] == [("vector", kind)]
    assert devices_of(films).counts() == {f"refused:{kind}": 1}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_json(with_token, literal):
    body = f'{{"space_id": "x", "revision": 0, "vector": [{literal}, 0, 0, 0]}}'
    caller = with_token("u1")
    address = "recommenders/films/users/u1/embedding"
    answer = caller.put(address, body, content_type="application/json")
    assert answer.status_code == 400


BAD = [
    ({"vector": []}, "vector"),
    ({"vector": "x"}, "vector"),
    ({"vector": [0.0] * 1025}, "vector"),
    ({"revision": -1}, "revision"),
    ({"space_id": None}, "space_id"),
    ({"interactions": [1]}, "interactions"),
    ({"interactions": [{}] * 201}, "interactions"),
    ({"items": []}, "items"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_a_bad_body_is_refused_by_field(films, device, change, field):
    status, problem = refused(films, device, **change)
    assert status == 400
    assert problem["errors"][0]["field"].split(".")[0] == field


def test_more_interactions_than_one_user_has_are_refused_and_counted(films, device):
    with time_machine.travel(datetime(2026, 11, 25, 12, 30, tzinfo=UTC), tick=False):
        phone = device("u1")
        for _ in range(5):
            for _ in range(200):
                phone.interact("i1", 1)
            assert phone.send()[0] == 200
        phone.interact("i1", 1)
        status, problem = phone.send()
        tablet = device("u2")
        tablet.interact("i1", 1)
        assert tablet.send()[0] == 200
    assert (status, problem["type"]) == (429, "/api/docs/#too-much")
    assert devices_of(films).counts()["refused:too-many-interactions"] == 1


def test_devices_move_no_item(films, device):
    learner = scorer.served(films).weights.learner
    before = learner.item_vectors.copy()
    phone = device("u1")
    for n in range(50):
        phone.interact(f"i{n % 9}", n % 2)
    assert phone.send()[0] == 200
    assert np.array_equal(learner.item_vectors, before)
