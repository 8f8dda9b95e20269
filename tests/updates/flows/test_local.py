"""Local updates: components at their own cadence, each sample learned once by each."""

from datetime import timedelta

import pytest

from tests.updates.flows.conftest import FIRST_EVENT_TIME
from tests.updates.flows.local import GBDT_LR, OF_UPPER, WIDE_DEEP, changed, offsets
from updates.flows.prove import prove, request_proof
from updates.flows.trigger import WriterBusy, trigger
from updates.samples.log import SampleLog


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    """wide_deep, with 1,000 samples."""
    recommender = make_recommender(**WIDE_DEEP)
    append(recommender, 1000)
    return recommender


def test_a_local_update_moves_its_components_and_lets_the_others_be(
    recommender, live, append, update
):
    append(recommender, 200)
    run = update(recommender, "local", components=["upper"])
    assert run.state == "promoted", run.error
    version = run.result_version
    assert changed(live, version) == OF_UPPER
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
    assert changed(live, run.result_version) == OF_UPPER


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


@pytest.mark.parametrize(
    ("about", "steps"),
    [
        (WIDE_DEEP, [["wide"], ["upper"], ["embeddings", "upper"]]),
        (GBDT_LR, [["lr"], ["trees"], ["lr"]]),
    ],
)
def test_a_version_of_local_updates_is_proved_from_the_log(
    transactional_db, make_recommender, append, update, about, steps
):
    recommender = make_recommender("proved", **about)
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


def test_a_component_has_one_writer(recommender, live):
    trigger(recommender, strategy="local", components=["embeddings", "upper"])
    trigger(recommender, strategy="local", components=["wide"])
    with pytest.raises(WriterBusy, match="embeddings, upper of news"):
        trigger(recommender, strategy="local", components=["upper"])


def test_what_fires_by_a_schedule_skips_where_its_own_components_know_all(
    recommender, live, append, update
):
    append(recommender, 100)
    update(recommender, "local", components=["wide"])
    recommender.refresh_from_db()
    version = recommender.live_version
    assert version.least(["wide"]).next_offset == SampleLog(recommender).head().last_offset + 1
    assert version.least(["wide", "upper"]).next_offset == 1001
