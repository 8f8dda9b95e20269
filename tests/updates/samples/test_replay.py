"""Recorded event times mapped onto the present."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_batch
from updates.samples.replay import TimeMap, event_times_ms

TIMES = st.integers(0, 2 * 10**12)
MAPS = st.builds(TimeMap, TIMES, TIMES, st.sampled_from([1.0, 0.5, 7.0, 360.0, 86_400.0]))


@given(MAPS, st.lists(TIMES, min_size=1))
def test_the_order_of_samples_is_kept(to_present, times):
    mapped = to_present.to_present(np.sort(times))
    assert (np.diff(mapped) >= 0).all()


@given(MAPS, st.integers(0, 10**9), TIMES)
def test_no_sample_is_due_before_it_happens(to_present, elapsed_ms, time):
    now = to_present.present_ms + elapsed_ms
    if time <= to_present.to_recorded(now):
        assert to_present.to_present(np.array([time]))[0] <= now


@given(MAPS)
def test_the_anchor_happens_now(to_present):
    assert to_present.to_present(np.array([to_present.recorded_ms])) == to_present.present_ms
    assert to_present.to_recorded(to_present.present_ms) == to_present.recorded_ms


def test_a_recorded_hour_passes_in_ten_seconds_at_360():
    to_present = TimeMap(0, 1_000_000, 360)
    assert to_present.to_present(np.array([3_600_000])) == 1_010_000


def test_moving_changes_event_times_only():
    samples = pa.Table.from_batches([make_batch(5)])
    times = event_times_ms(samples)
    moved = TimeMap(int(times[0]), 0, 10).move(samples)
    assert event_times_ms(moved).tolist() == [0, 100, 200, 300, 400]
    assert moved.schema == samples.schema
    assert moved.drop_columns("event_time").equals(samples.drop_columns("event_time"))
