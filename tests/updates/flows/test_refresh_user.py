"""What devices send is learned once, whatever happens in between."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from updates.flows.refresh_user import Outcome, Sent, refresh_user, user_vector
from updates.learners.device import UserVector
from updates.models import UpdatePolicy
from updates.models.policy import Sends
from updates.samples.log import SampleLog
from updates.serving import scorer
from updates.strategies.client import ImplausibleVector

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOTHING = UserVector(np.zeros(4, np.float32), 0.0)


def row(known, item="i1", label=1, **more):
    return {"id": known, "item": item, "label": label, "event_time": NOW.isoformat(), **more}


@pytest.fixture
def films(transactional_db, make_recommender, append, update):
    recommender = make_recommender("films", "factors", learner_options={"dim": 4})
    append(recommender, 300)
    assert update(recommender).state == "promoted"
    UpdatePolicy.objects.create(recommender=recommender, name="devices", strategy="client")
    return recommender


def send(recommender, rows, user="new", revision=0, **changes):
    """A device sends these; by default it began where the user is now, and its vector is not
    looked at, as it had not all in it."""
    present = user_vector(recommender, user).vector
    began = {"space_id": present.space_id, "revision": revision, "offset": 0}
    sent = Sent(user=NOTHING, interactions=rows, **began | changes)
    return refresh_user(recommender, user, sent, NOW)


def logged(recommender, user="new"):
    """How often the log holds each item of a user."""
    log = SampleLog(recommender)
    batches = log.read(1, log.head().last_offset + 1)
    return Counter(
        each["item"] for batch in batches for each in batch.to_pylist() if each["user"] == user
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 12), max_size=5), max_size=8), st.randoms())
def test_whatever_comes_twice_is_in_the_log_once_and_devices_agree(films, requests, chance):
    """Requests of any devices in any order, some of them repeated: by ids, each of an item of its
    own."""
    user = f"user {uuid4()}"
    sent = [*requests, *chance.sample(requests, len(requests) // 2)]
    for ids in sent:
        send(films, [row(f"id{n}", f"new{n}") for n in ids], user, chance.randint(0, 3))
    everything = {f"new{n}" for ids in requests for n in ids}
    assert logged(films, user) == Counter(everything)
    present = user_vector(films, user).vector
    assert Counter(present.items) == Counter(everything)
    assert present.revision == sum(
        bool(set(ids) - {n for earlier in requests[:at] for n in earlier})
        for at, ids in enumerate(requests)
    )


def test_devices_that_send_at_the_same_time_lose_nothing(films):
    def send_one(n):
        try:
            return send(films, [row(f"id{n}", f"new{n}")]).accepted
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        accepted = list(pool.map(send_one, range(24)))
    assert accepted == [1] * 24
    assert logged(films) == Counter(f"new{n}" for n in range(24))
    assert user_vector(films, "new").vector.revision == 24


@pytest.mark.parametrize("strategy", ["incremental", "full"])
def test_training_learns_what_devices_sent_and_takes_it_over(films, update, strategy):
    settled = send(films, [row("a"), row("b", "i2", 0)])
    assert settled.present.vector.source == "client"
    run = update(films, strategy)
    assert run.state == "promoted", run.error
    scorer.process_scorer().look()
    present = user_vector(films, "new").vector
    assert (present.source, present.items) == ("server", [])
    assert present.offset == SampleLog(films).head().last_offset
    assert present.user.norm > 0


def test_what_came_while_training_was_at_work_is_made_up_for(films, update):
    send(films, [row("a")])
    assert update(films, "incremental").state == "promoted"
    send(films, [row("b", "i2")])
    scorer.process_scorer().look()
    assert user_vector(films, "new").vector.items == ["i2"]


def test_a_vector_alone_is_in_force_as_it_was_sent(films):
    films.policies.update(sends=Sends.VECTOR)
    own = UserVector(np.array([0.1, 0, 0, 0.05], np.float32), 0.25)
    settled = send(films, [], user="new", offset=None)
    assert settled.outcome is Outcome.ACCEPTED
    settled = send_vector(films, own, revision=1)
    assert (settled.outcome, settled.present.vector.revision) == (Outcome.ACCEPTED, 2)
    present = user_vector(films, "new").vector
    assert present.user.distance(own) == 0
    assert present.source == "client"
    assert not logged(films)


def send_vector(recommender, own, revision, user="new", steps=10):
    present = user_vector(recommender, user).vector
    sent = Sent(present.space_id, revision, None, own, steps=steps)
    return refresh_user(recommender, user, sent, NOW)


def test_of_vectors_alone_the_second_device_has_to_go_on_from_the_first(films):
    films.policies.update(sends=Sends.VECTOR)
    first, second = (UserVector(np.full(4, x, np.float32), 0.0) for x in (0.1, 0.2))
    send_vector(films, first, revision=0)
    settled = send_vector(films, second, revision=0)
    assert settled.outcome is Outcome.REVISION_MOVED
    assert settled.present.vector.user.distance(first) == 0


def test_a_vector_alone_goes_no_further_than_its_steps(films):
    films.policies.update(sends=Sends.VECTOR)
    far = UserVector(np.full(4, 2.0, np.float32), 0.0)
    with pytest.raises(ImplausibleVector, match="1 steps lead"):
        send_vector(films, far, revision=0, steps=1)
    assert user_vector(films, "new").vector.revision == 0


def test_interactions_take_the_place_of_a_vector_sent_alone(films):
    films.policies.update(sends=Sends.VECTOR)
    send_vector(films, UserVector(np.full(4, 0.1, np.float32), 0.0), revision=0)
    films.policies.update(sends=Sends.INTERACTIONS)
    send(films, [row("a")], revision=1)
    assert user_vector(films, "new").vector.items == ["i1"]
