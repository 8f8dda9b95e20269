"""Impressions wait for their feedback and become samples, each once."""

import pytest

from tests.updates.flows.joining import BEGIN, Joining, at
from updates import joiners
from updates.flows import join as join_flow
from updates.samples.joiner import RequestConflict


@pytest.fixture
def joining(valkey, transactional_db, make_recommender):
    return Joining(make_recommender(join_window_seconds=60, feedback_horizon_seconds=600))


def test_an_impression_becomes_a_sample_when_its_window_has_ended(joining):
    joining.show("a", "b")
    joining.click("a")
    joining.later(59)
    assert joining.samples == []
    joining.later(1)
    assert joining.samples == [("a", 1), ("b", 0)]


def test_the_sample_has_the_features_and_the_time_of_the_impression(joining):
    joining.show(joining.impression("a", device="phone", genres=["g1"]))
    joining.now = 30
    joining.click("a")
    joining.later(60)
    [row] = joining.rows
    assert (row["device"], row["genres"], row["event_time"]) == ("phone", ["g1"], BEGIN)


def test_a_positive_after_the_window_is_counted_as_late_and_changes_no_sample(joining):
    joining.show("a")
    joining.later(60)
    joining.click("a")
    joining.later(60)
    assert joining.samples == [("a", 0)]
    assert joining.counts["late"] == 1


def test_feedback_before_its_impression_waits_for_it(joining):
    joining.click("a")
    joining.show("a")
    joining.later(60)
    assert joining.samples == [("a", 1)]
    assert joining.counts["early"] == 1


def test_feedback_whose_impression_never_comes_is_counted_as_unknown(joining):
    joining.click("nobody")
    joining.later(301)
    assert joining.counts["unknown"] == 1
    assert joining.status.early_waiting == 0


def test_a_request_sent_again_adds_nothing(joining):
    row = joining.impression("a")
    assert not joining.show(row, batch_id="same").duplicate
    assert joining.show(row, batch_id="same").duplicate
    joining.later(60)
    assert joining.samples == [("a", 0)]


def test_a_batch_id_with_other_content_is_a_conflict(joining):
    joining.show("a", batch_id="same")
    with pytest.raises(RequestConflict):
        joining.show("b", batch_id="same")


def test_an_impression_shown_otherwise_under_its_name_is_refused_by_row(joining):
    joining.show("a")
    taken = joining.show("b", joining.impression("a", device="tv"))
    assert (taken.accepted, taken.refused) == (1, [1])


def test_a_closer_that_dies_after_appending_leaves_nothing_to_be_joined_twice(joining, monkeypatch):
    joining.show("a")
    joining.click("a")
    with monkeypatch.context() as dying:
        dying.setattr(join_flow.Joiner, "finish", _die)
        with pytest.raises(RuntimeError):
            joining.later(60)
    joining.join()
    joining.later(60)
    assert joining.samples == [("a", 1)]
    assert joining.counts["joined_positives"] == 1


def _die(*args, **kwargs):
    raise RuntimeError("killed")


def test_the_delays_of_labels_are_measured(joining):
    joining.show("a", "b")
    joining.now = 10
    joining.click("a", "b")
    curve = joining.status.curve
    assert curve.labels == 2
    assert curve.share_by(5) == 0
    assert curve.share_by(20) == 1


def test_labels_are_mature_once_their_window_has_ended(joining):
    assert joiners.mature_through(joining.recommender, at(0)) is None
    joining.show("a")
    joining.later(100)
    assert joiners.mature_through(joining.recommender, at(100)) == at(40)


def test_what_is_due_is_joined_for_all_recommenders(joining):
    joining.show("a")
    join_flow.join_due([joining.recommender], at(60))
    assert joining.samples == [("a", 0)]


def test_a_share_of_the_negatives_becomes_samples_that_stand_for_all(joining):
    joining.recommender.negative_sampling_rate = 0.25
    names = [f"n{i}" for i in range(400)]
    joining.show(*names)
    joining.click(*names[:100])
    joining.later(60)
    counts = joining.counts
    weights = {row["item"]: row["weight"] for row in joining.rows}
    assert counts["joined_positives"] == 100 and counts["pending"] == 0
    assert counts["joined_negatives"] + counts["left_out_negatives"] == 300
    assert counts["joined_negatives"] == len(joining.samples) - 100 == pytest.approx(75, abs=25)
    assert {weights[name] for name in names[:100]} == {1.0}
    assert {weights[name] for name in weights.keys() - names[:100]} == {4.0}


def test_the_impression_decides_which_negatives_stay(joining):
    joining.recommender.negative_sampling_rate = 0.5
    names = [f"n{i}" for i in range(60)]
    joining.show(*names)
    joining.later(60)
    kept = [item for item, _ in joining.samples]
    joining.later(700)
    joining.show(*reversed(names))
    joining.later(60)
    assert [item for item, _ in joining.samples[len(kept) :]] == kept[::-1]


def test_where_no_sample_is_left_the_batch_is_done(joining):
    joining.recommender.negative_sampling_rate = 1e-4
    joining.show("a")
    joining.later(60)
    assert joining.samples == []
    assert (joining.counts["left_out_negatives"], joining.counts["pending"]) == (1, 0)
