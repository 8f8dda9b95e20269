"""The experiment on drift detectors at a tiny size, so that it does not rot."""

import numpy as np
import pytest

from tests.benchmarks import drift, drift_scorecard


@pytest.mark.parametrize("make", [drift.Ours, drift.LossAdwin])
def test_a_detector_answers_six_times_an_hour(make):
    looks = drift.run(make, seed=0, rows=60, hours=2)
    assert len(looks) == 2 * drift.LOOKS_AN_HOUR
    assert looks[0] == set()


def test_a_large_change_is_told_within_hours_of_it():
    [delay] = drift.delays(drift.Ours, rows=300, seeds=1, change=drift.CHANGES[0])
    assert delay <= 3


def test_a_change_that_was_missed_is_told_as_such():
    assert drift.words([1.0, 1.0, np.inf]) == "1.0 h, 1 of 3 missed"
    assert drift.words([np.inf]) == "–, 1 of 1 missed"


def test_the_scorecard_settles_alarms_by_what_the_loss_did():
    raised = drift_scorecard.alarms(drift_scorecard.LossAlarm, 0, 1_000, drift_scorecard.MISJUDGED)
    assert [(alarm.verdict, alarm.hurts) for alarm in raised] == [("true", True)]
    always = drift_scorecard.alarms(drift_scorecard.Always, 0, 1_000, drift_scorecard.MISJUDGED)
    assert {alarm.verdict for alarm in always if not alarm.hurts} <= {"false", "unsettled"}
    row = drift_scorecard.row("always", drift_scorecard.Always, rows=60, seeds=1)
    assert row["began"] == "144"
