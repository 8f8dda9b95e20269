"""Only samples whose labels are there judge."""

import pyarrow as pa
import pytest
import time_machine

from tests.updates.flows.joining import WAIT, WEIGHTED, Joining, at
from updates.flows.mature import mature_samples
from updates.samples.log import SampleLog


@pytest.fixture
def joining(valkey, transactional_db, make_recommender):
    """``joining(policy)``: labels take 600 s to be there."""

    def make(policy):
        return Joining(
            make_recommender(
                delayed_feedback=policy,
                join_window_seconds=5,
                feedback_horizon_seconds=600,
                learner_options={"alpha": 0.5},
            )
        )

    return make


def mature(joining):
    """(item, label) of those that may judge, and how many impressions may not yet."""
    table = pa.Table.from_batches(SampleLog(joining.recommender).read(1, 10**9))
    with time_machine.travel(at(joining.now)):
        found = mature_samples(table, joining.recommender)
    items = table.column("item").take(pa.array(found.rows)).to_pylist()
    return list(zip(items, found.labels.tolist(), strict=True)), found.immature


def test_an_impression_judges_once_with_the_label_that_it_got(joining):
    joining = joining(WEIGHTED)
    joining.show("a", "b", "c")
    joining.later(10)
    joining.click("b")
    joining.later(600)
    assert joining.samples == [("a", 0), ("b", 0), ("c", 0), ("b", 1)]
    assert mature(joining) == ([("a", 0), ("b", 1), ("c", 0)], 0)


def test_an_impression_whose_label_is_still_coming_does_not_judge(joining):
    joining = joining(WEIGHTED)
    joining.show("a")
    joining.later(500)
    joining.show("b")
    joining.later(150)
    assert mature(joining) == ([("a", 0)], 1)


def test_equal_impressions_are_positive_as_often_as_positives_came(joining):
    joining = joining(WEIGHTED)
    alike = [joining.impression(name) | {"item": "same"} for name in ("a", "b", "c")]
    joining.show(*alike)
    joining.click("a", "c")
    joining.later(601)
    found, _ = mature(joining)
    assert sorted(found) == [("same", 0), ("same", 1), ("same", 1)]


def test_with_wait_all_that_is_in_the_log_judges(joining):
    joining = joining(WAIT)
    joining.show("a", "b")
    joining.click("b")
    joining.later(5)
    assert mature(joining) == ([("a", 0), ("b", 1)], 0)


def test_an_update_is_held_out_where_labels_are_there(joining, update):
    joining = joining(WEIGHTED)
    with time_machine.travel(at(0)) as clock:
        for _ in range(10):
            show(joining, 100)
            joining.later(1)
        joining.now = 700
        clock.move_to(at(700))
        show(joining, 500)
        joining.join()
        metrics = update(joining.recommender).result_version.metrics
    assert metrics["candidate"]["samples"] >= 150
    assert metrics["holdout"]["first_offset"] < 1400
    assert "Labels of 500 more are still coming." in metrics["verdict"]


def show(joining, count):
    """Every eighth is clicked: too few labels to know better than the horizon."""
    names = [f"{joining.now}-{i}" for i in range(count)]
    joining.show(*(joining.impression(n) | {"item": f"i{i % 8}"} for i, n in enumerate(names)))
    joining.click(*names[::8])
