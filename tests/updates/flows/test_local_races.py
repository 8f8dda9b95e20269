"""Local updates at the same time as others: nothing is lost, nothing goes back."""

import threading

import pytest

from tests.updates.flows.local import (
    OF_EMBEDDINGS,
    OF_UPPER,
    OF_WIDE,
    WIDE_DEEP,
    changed,
    offsets,
)
from tests.updates.flows.online import make_policy, sent_through
from updates.flows.promote import promote
from updates.flows.prove import prove, request_proof
from updates.flows.roll_back import roll_back
from updates.flows.trigger import trigger
from updates.models import UpdateRun
from updates.strategies import local


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    """wide_deep, with 1,000 samples."""
    recommender = make_recommender(**WIDE_DEEP)
    append(recommender, 1000)
    return recommender


@pytest.fixture
def held_up(monkeypatch):
    """``held_up(component)``: local updates of it train, and wait: (it has begun, let it go)."""
    held, train = {}, local.train

    def slowly(log, base, components, **kwargs):
        candidate = train(log, base, components, **kwargs)
        for component in components:
            begun, go = held.pop(component, (None, None))
            if begun:
                begun.set()
                go.wait(20)
        return candidate

    monkeypatch.setattr(local, "train", slowly)

    def hold(component):
        held[component] = events = threading.Event(), threading.Event()
        let_go.append(events[1])
        return events

    let_go = []
    yield hold
    for event in let_go:
        event.set()


@pytest.fixture
def training(held_up, in_thread):
    """``training(recommender, component)``: another worker trains it and waits, with what it has
    learned by now; returns what lets it go on, and returns the run when it has ended."""

    def begin(recommender, component):
        begun, go = held_up(component)
        run = trigger(recommender, strategy="local", components=[component])
        working = in_thread(run)
        assert begun.wait(10)

        def finish():
            go.set()
            working.join(20)
            return UpdateRun.objects.get(pk=run.pk)

        return finish

    return begin


def test_two_components_train_at_once_and_the_second_has_what_the_first_brought(
    recommender, live, append, update, training
):
    append(recommender, 200)
    finish = training(recommender, "embeddings")
    first = update(recommender, "local", components=["upper"])
    assert first.state == "promoted", first.error
    append(recommender, 100)
    second = finish()
    assert second.state == "promoted", second.error
    version = second.result_version
    assert (version.parent, second.base_version) == (first.result_version, live)
    assert offsets(version) == {"wide": 1001, "embeddings": 1301, "upper": 1201}
    # The network learned the same samples again, in the space that the second update made.
    again = [step for step in second.ranges if "upper" in step["components"]]
    assert (again[0]["first_offset"], again[-1]["last_offset"]) == (1001, 1200)
    assert version.component("upper")["space_id"] == version.component("embeddings")["space_id"]
    assert changed(live, version) == OF_EMBEDDINGS | OF_UPPER


def test_a_component_that_was_begun_anew_meanwhile_has_the_second_train_once_more(
    recommender, live, append, update, training
):
    append(recommender, 200)
    finish = training(recommender, "upper")
    first = update(recommender, "local", components=["embeddings"], window_seconds=900)
    assert first.state == "promoted", first.error
    second = finish()
    assert second.state == "promoted", second.error
    assert second.base_version == second.result_version.parent == first.result_version
    assert changed(first.result_version, second.result_version) == (OF_UPPER)


def test_trees_and_a_regression_of_the_old_ones_race_and_nothing_is_lost(
    trees, append, update, training
):
    append(trees, 200)
    finish = training(trees, "lr")
    first = update(trees, "local", components=["trees"])
    assert first.state == "promoted", first.error
    append(trees, 100)
    second = finish()
    assert second.state == "promoted", second.error
    space = first.result_version.component("trees")["space_id"]
    assert second.result_version.component("lr")["space_id"] == space
    assert offsets(second.result_version)["lr"] == 1301


def test_who_was_built_on_what_was_rolled_back_is_rejected(
    recommender, live, append, update, training
):
    append(recommender, 200)
    bad = update(recommender, "local", components=["wide"]).result_version
    append(recommender, 100)
    finish = training(recommender, "upper")
    recommender.refresh_from_db()
    roll_back(recommender, to=live, reason="bad data", hold=False, by=None)
    run = finish()
    assert run.state == "rejected"
    assert f"It was built on version {bad.number}" in run.error
    recommender.refresh_from_db()
    assert recommender.live_version == live


def test_what_a_person_promotes_between_turn_and_publishing_is_not_overwritten(
    recommender, live, append, update, monkeypatch
):
    append(recommender, 200)
    other = update(recommender, "local", components=["wide"]).result_version
    append(recommender, 200)
    catch_up = "updates.flows.local._Local.catch_up"
    monkeypatch.setattr(catch_up, lambda *args: promote(live, reason="by hand"))
    run = update(recommender, "local", components=["upper"])
    assert (run.state, run.error) == (
        "rejected",
        f"It was built on version {other.number}, but version {live.number} is live now.",
    )


def test_online_learning_goes_on_beside_new_trees_and_then_on_their_leaves(
    trees, append, training, in_thread, valkey, wait_until
):
    policy = make_policy(trees)
    online = trigger(trees, policy=policy)
    session = in_thread(online)
    finish = training(trees, "trees")
    append(trees, 400)
    wait_until(lambda: sent_through(valkey, trees) >= 1400)
    run = finish()
    session.join(20)
    online.refresh_from_db()
    assert run.state == "promoted", run.error
    assert (online.state, online.components) == ("queued", ["lr"])
    assert offsets(run.result_version)["lr"] == 1401
    in_thread(online)
    append(trees, 100)
    wait_until(lambda: sent_through(valkey, trees) >= 1500)


def test_some_components_are_learned_online_and_another_by_its_own_cadence(
    recommender, live, append, in_thread, valkey, wait_until, update
):
    policy = make_policy(recommender, components=["wide"])
    online = trigger(recommender, policy=policy)
    session = in_thread(online)
    append(recommender, 300)
    wait_until(lambda: sent_through(valkey, recommender) >= 1300)
    run = update(recommender, "local", components=["upper"])
    assert run.state == "promoted", run.error
    session.join(20)
    assert offsets(run.result_version) == {"wide": 1301, "embeddings": 1001, "upper": 1301}
    assert changed(live, run.result_version) == OF_WIDE | OF_UPPER


def test_a_race_is_proved_from_the_log(recommender, live, append, update, training):
    append(recommender, 200)
    finish = training(recommender, "embeddings")
    update(recommender, "local", components=["upper"])
    proof = request_proof(finish().result_version)
    prove(proof.pk)
    proof.refresh_from_db()
    assert proof.state == "equal", proof.outcome
