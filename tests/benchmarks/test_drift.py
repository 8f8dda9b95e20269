"""The experiment on drift detectors at a tiny size, so that it does not rot."""

import numpy as np
import pytest

from tests.benchmarks import drift


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
