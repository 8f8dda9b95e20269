"""Local updates: components at their own cadence, alone, in races, and beside online learning."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from tests.updates.flows.conftest import FIRST_EVENT_TIME
from tests.updates.flows.online import bytes_of, make_policy, sent_through
from updates.flows.execute import execute
from updates.flows.promote import promote
from updates.flows.prove import prove, request_proof
from updates.flows.roll_back import roll_back
from updates.flows.trigger import TriggerError, WriterBusy, trigger
from updates.learners.gbdt_lr.learner import GBDTLR
from updates.learners.wide_deep import files
from updates.models import UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.strategies import local

OPTIONS = {"mini_batch": 16, "hidden": "8,4"}
OF_EMBEDDINGS = {files.EMBEDDINGS, files.EMBEDDINGS_LEARNING}
OF_UPPER = {files.UPPER, files.UPPER_LEARNING}
OF_WIDE = {files.WIDE, "weights.safetensors"}


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    """wide_deep, with 1,000 samples."""
    recommender = make_recommender(learner="wide_deep", learner_options=OPTIONS)
    append(recommender, 1000)
    return recommender


@pytest.fixture
def trees(transactional_db, make_recommender, append, update):
    """gbdt_lr, with 1,000 samples and a live version of them."""
    options = {"num_trees": 5, "num_threads": 1}
    recommender = make_recommender("trees", "gbdt_lr", learner_options=options)
    append(recommender, 1000)
    update(recommender)
    return recommender


@pytest.fixture
def in_thread():
    """``in_thread(run)``: a worker of its own executes it."""
    stop, threads = threading.Event(), []

    def begin(run):
        def work():
            execute(run.pk, "another", stop.is_set)
            connection.close()

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return threads[-1]

    yield begin
    stop.set()
    for thread in threads:
        thread.join(20)


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


def changed(one, other):
    before, after = bytes_of(one.digest), bytes_of(other.digest)
    return {name for name in after if after[name] != before[name]}


def offsets(version):
    return {name: version.component(name)["next_offset"] for name in version.components}


def test_a_local_update_moves_its_components_and_lets_the_others_be(
    recommender, live, append, update
):
    append(recommender, 200)
    run = update(recommender, "local", components=["upper"])
    assert run.state == "promoted", run.error
    version = run.result_version
    assert changed(live, version) - {files.PENDING, files.BOUND} == OF_UPPER
    assert offsets(version) == {"wide": 1001, "embeddings": 1001, "upper": 1201}
    assert version.component("upper")["run"] == run.pk
    assert version.component("wide")["run"] == live.run.pk
    assert version.component("upper")["begun_by"] == live.run.pk
    assert version.component("upper")["space_id"] == version.component("embeddings")["space_id"]
    newest = FIRST_EVENT_TIME + timedelta(seconds=1199)
    assert (version.watermark, version.next_offset) == (newest, 1201)
    assert version.component("wide")["watermark"] == live.watermark.isoformat()


def test_each_component_learns_each_sample_once_whatever_the_cadences(
    recommender, live, append, update
):
    for components in (["wide"], ["upper"], ["wide"]):
        append(recommender, 160)
        assert update(recommender, "local", components=components).state == "promoted"
    run = update(recommender, "incremental")
    assert run.state == "promoted", run.error
    learned = dict.fromkeys(("wide", "embeddings", "upper"), 0)
    version = run.result_version
    while version is not None:
        for step in version.run.ranges:
            for name in step.get("components", learned):
                learned[name] += step["last_offset"] - step["first_offset"] + 1
        version = version.parent
    assert learned == dict.fromkeys(learned, 1480)
    assert set(offsets(run.result_version).values()) == {1481}


def test_a_window_begins_the_components_anew_on_the_others(recommender, live, append, update):
    append(recommender, 200)
    run = update(recommender, "local", components=["upper"], window_seconds=600)
    assert run.state == "promoted", run.error
    [fit, *_] = run.ranges
    assert (fit["op"], fit["components"]) == ("fit", ["upper"])
    assert run.result_version.component("upper")["begun_by"] == run.pk
    assert changed(live, run.result_version) - {files.PENDING, files.BOUND} == OF_UPPER


def test_new_trees_bring_a_new_regression_up_to_the_present(trees, append, update):
    append(trees, 300)
    run = update(trees, "local", components=["trees"], window_seconds=900)
    assert run.state == "promoted", run.error
    version = run.result_version
    assert offsets(version)["lr"] == 1301
    assert version.component("trees")["begun_by"] == version.component("lr")["begun_by"] == run.pk
    assert version.component("lr")["space_id"] == version.component("trees")["space_id"]


def test_between_two_trees_only_the_regression_learns(trees, append, update):
    before = trees.versions.get()
    append(trees, 300)
    for strategy in ("incremental", "local"):
        run = update(trees, strategy, components=["lr"] if strategy == "local" else None)
        assert run.state == "promoted", run.error
        assert run.components == ["lr"]
        # Trees do not catch up: they know what they were trained on.
        assert offsets(run.result_version)["trees"] == offsets(before)["trees"] == 801
        space = run.result_version.component("lr")["space_id"]
        assert space == before.component("trees")["space_id"]
        append(trees, 100)


def test_two_components_train_at_once_and_the_second_has_what_the_first_brought(
    recommender, live, append, update, held_up, in_thread
):
    append(recommender, 200)
    begun, go = held_up("embeddings")
    second = trigger(recommender, strategy="local", components=["embeddings"])
    working = in_thread(second)
    assert begun.wait(10)
    first = update(recommender, "local", components=["upper"])
    assert first.state == "promoted", first.error
    append(recommender, 100)
    go.set()
    working.join(20)
    second = UpdateRun.objects.get(pk=second.pk)
    assert second.state == "promoted", second.error
    version = second.result_version
    assert (version.parent, second.base_version) == (first.result_version, live)
    assert offsets(version) == {"wide": 1001, "embeddings": 1301, "upper": 1201}
    # The network learned the same samples again, in the space that the second update made.
    again = [step for step in second.ranges if "upper" in step["components"]]
    assert (again[0]["first_offset"], again[-1]["last_offset"]) == (1001, 1200)
    assert version.component("upper")["space_id"] == version.component("embeddings")["space_id"]
    assert changed(live, version) - {files.PENDING, files.BOUND} == OF_EMBEDDINGS | OF_UPPER


def test_a_component_that_was_begun_anew_meanwhile_has_the_second_train_once_more(
    recommender, live, append, update, held_up, in_thread
):
    append(recommender, 200)
    begun, go = held_up("upper")
    second = trigger(recommender, strategy="local", components=["upper"])
    working = in_thread(second)
    assert begun.wait(10)
    first = update(recommender, "local", components=["embeddings"], window_seconds=900)
    assert first.state == "promoted", first.error
    go.set()
    working.join(20)
    second = UpdateRun.objects.get(pk=second.pk)
    assert second.state == "promoted", second.error
    assert second.base_version == second.result_version.parent == first.result_version
    assert changed(first.result_version, second.result_version) - {files.PENDING, files.BOUND} == (
        OF_UPPER
    )


def test_trees_and_a_regression_of_the_old_ones_race_and_nothing_is_lost(
    trees, append, update, held_up, in_thread
):
    append(trees, 200)
    begun, go = held_up("lr")
    second = trigger(trees, strategy="local", components=["lr"])
    working = in_thread(second)
    assert begun.wait(10)
    first = update(trees, "local", components=["trees"])
    assert first.state == "promoted", first.error
    append(trees, 100)
    go.set()
    working.join(20)
    second = UpdateRun.objects.get(pk=second.pk)
    assert second.state == "promoted", second.error
    space = first.result_version.component("trees")["space_id"]
    assert second.result_version.component("lr")["space_id"] == space
    assert offsets(second.result_version)["lr"] == 1301


def test_who_was_built_on_what_was_rolled_back_is_rejected(
    recommender, live, append, update, held_up, in_thread
):
    append(recommender, 200)
    bad = update(recommender, "local", components=["wide"]).result_version
    append(recommender, 100)
    begun, go = held_up("upper")
    run = trigger(recommender, strategy="local", components=["upper"])
    working = in_thread(run)
    assert begun.wait(10)
    recommender.refresh_from_db()
    roll_back(recommender, to=live, reason="bad data", hold=False, by=None)
    go.set()
    working.join(20)
    run.refresh_from_db()
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
    trees, append, held_up, in_thread, valkey, wait_until
):
    policy = make_policy(trees)
    online = trigger(trees, policy=policy)
    session = in_thread(online)
    begun, go = held_up("trees")
    run = trigger(trees, strategy="local", components=["trees"])
    working = in_thread(run)
    assert begun.wait(10)
    append(trees, 400)
    wait_until(lambda: sent_through(valkey, trees) >= 1400)
    go.set()
    working.join(20)
    session.join(20)
    run.refresh_from_db()
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
    assert changed(live, run.result_version) - {files.PENDING, files.BOUND} == OF_WIDE | OF_UPPER


@pytest.mark.parametrize(
    ("learner", "steps"),
    [
        ("wide_deep", [["wide"], ["upper"], ["embeddings", "upper"]]),
        ("gbdt_lr", [["lr"], ["trees"], ["lr"]]),
    ],
)
def test_a_version_of_local_updates_is_proved_from_the_log(
    transactional_db, make_recommender, append, update, learner, steps
):
    options = OPTIONS if learner == "wide_deep" else {"num_trees": 5, "num_threads": 1}
    recommender = make_recommender("proved", learner, learner_options=options)
    append(recommender, 1000)
    update(recommender)
    for components in steps:
        append(recommender, 120)
        run = update(recommender, "local", components=components)
        assert run.state == "promoted", run.error
        proof = request_proof(run.result_version)
        prove(proof.pk)
        proof.refresh_from_db()
        assert proof.state == "equal", proof.outcome


def test_a_race_is_proved_from_the_log(recommender, live, append, update, held_up, in_thread):
    append(recommender, 200)
    begun, go = held_up("embeddings")
    second = trigger(recommender, strategy="local", components=["embeddings"])
    working = in_thread(second)
    assert begun.wait(10)
    update(recommender, "local", components=["upper"])
    go.set()
    working.join(20)
    proof = request_proof(UpdateRun.objects.get(pk=second.pk).result_version)
    prove(proof.pk)
    proof.refresh_from_db()
    assert proof.state == "equal", proof.outcome


def test_a_component_has_one_writer(recommender, live):
    trigger(recommender, strategy="local", components=["embeddings", "upper"])
    trigger(recommender, strategy="local", components=["wide"])
    with pytest.raises(WriterBusy, match="embeddings, upper of news"):
        trigger(recommender, strategy="local", components=["upper"])


@pytest.mark.parametrize(
    ("strategy", "components", "field", "problem"),
    [
        ("local", [], "components", "Name those that it updates"),
        ("local", ["wings"], "components", "Unknown"),
        ("full", ["upper"], "components", "use local for some"),
        ("incremental", ["upper"], "components", "use local for some"),
    ],
)
def test_components_that_a_strategy_cannot_update_are_refused(
    recommender, strategy, components, field, problem
):
    with pytest.raises(TriggerError, match=problem) as refused:
        trigger(recommender, strategy=strategy, components=components)
    assert refused.value.field == field


def test_a_learner_of_one_component_has_nothing_local(make_recommender):
    with pytest.raises(TriggerError, match="has one component only"):
        trigger(make_recommender(), strategy="local", components=["weights"])


def policy_of(recommender, name, strategy, components, **fields):
    about = {"trigger": "manual"} | fields
    return UpdatePolicy(
        recommender=recommender, name=name, strategy=strategy, components=components, **about
    )


CONFLICTS = {
    "same-component": ("local", ["upper", "wide"], "updates upper too"),
    "all-components": ("incremental", [], "updates upper too"),
    "online": ("online", ["wide", "upper"], "updates upper too"),
    "moving-space": ("online", ["embeddings"], "upper lives in their space"),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_a_pair_of_policies_that_conflict_is_explained(make_recommender, case):
    strategy, components, problem = CONFLICTS[case]
    recommender = make_recommender(learner="wide_deep")
    policy_of(recommender, "upper", "local", ["upper"]).save()
    with pytest.raises(ValidationError, match=problem) as refused:
        policy_of(recommender, "other", strategy, components).full_clean()
    assert set(refused.value.message_dict) == {"components"}


def test_policies_that_go_together_are_accepted(make_recommender):
    recommender = make_recommender(learner="wide_deep")
    for name, strategy, components, window in (
        ("wide", "online", ["wide"], None),
        ("upper", "local", ["upper"], None),
        ("embeddings", "local", ["embeddings"], None),
        ("anew", "local", ["upper"], 86_400),
        ("weekly", "full", [], None),
    ):
        policy = policy_of(recommender, name, strategy, components, window_seconds=window)
        policy.full_clean()
        policy.save()


def test_samples_are_not_learned_by_trees_so_policies_hold_only_what_they_move(make_recommender):
    recommender = make_recommender(learner="gbdt_lr")
    learns = {
        strategy: policy_of(recommender, "p", strategy, []).effective_components
        for strategy in ("full", "incremental", "online")
    }
    both = ["trees", "lr"]
    assert learns == {"full": both, "incremental": ["lr"], "online": ["lr"]}
    with pytest.raises(ValidationError, match="only trained anew"):
        policy_of(recommender, "p", "online", ["trees"]).full_clean()


def test_the_learner_says_what_an_update_of_trees_writes():
    assert GBDTLR.written(["trees"]) == ("trees", "lr")
    assert GBDTLR.written(["lr"]) == ("lr",)


def test_what_fires_by_a_schedule_skips_where_its_own_components_know_all(
    recommender, live, append, update
):
    append(recommender, 100)
    update(recommender, "local", components=["wide"])
    recommender.refresh_from_db()
    version = recommender.live_version
    assert version.least(["wide"]).next_offset == SampleLog(recommender).head().last_offset + 1
    assert version.least(["wide", "upper"]).next_offset == 1001
