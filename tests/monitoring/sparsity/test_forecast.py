"""How models grow, and when they reach a limit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.sparsity.forecast import DAY, YEAR, Law, Size, forecast, theil_sen
from tests.benchmarks.sparsity import heaps

HOUR = 3600.0


@pytest.mark.parametrize("exponent", [1.3, 1.5, 2.0])
def test_on_a_curve_of_heaps_it_is_right_on_average_and_the_interval_holds_the_truth(exponent):
    held, power, errors = 0, 0, []
    for seed in range(20):
        sizes, limit, truth = heaps(exponent, seed, 0.0)
        found = forecast(sizes, limit)
        now = sizes[-1].at
        held += found.earliest <= truth <= found.latest
        errors.append((found.reached - now) / (truth - now) - 1)
        power += found.law == Law.POWER
    assert abs(np.mean(errors)) < 0.1
    assert held >= 15
    assert power >= 18


def test_steady_growth_is_a_line_and_its_limit_is_where_the_line_meets_it():
    sizes = [Size(i * HOUR, 100 * i, 5_000 + 16 * i) for i in range(1, 31)]
    found = forecast(sizes, 6_000)
    assert found.law == Law.LINEAR
    assert found.samples_per_day == pytest.approx(2_400)
    assert found.reached == pytest.approx((6_000 - 5_000) / 16 * HOUR)
    assert found.earliest == pytest.approx(found.reached) == found.latest


def test_one_odd_version_bends_nothing():
    sizes = [Size(i * HOUR, 100 * i, 5_000 + 16 * i) for i in range(1, 31)]
    sizes[10] = sizes[10]._replace(bytes=100_000)
    assert forecast(sizes, 6_000).reached == pytest.approx(62.5 * HOUR)


def test_what_does_not_grow_reaches_no_limit():
    sizes = [Size(i * HOUR, 100 * i, 5_000) for i in range(1, 31)]
    found = forecast(sizes, 6_000)
    assert (found.reached, found.earliest, found.latest) == (math.inf,) * 3


def test_what_takes_longer_than_a_year_is_not_dated():
    sizes = [Size(i * HOUR, 100 * i, 50_000 + i) for i in range(1, 31)]
    assert forecast(sizes, 50_000 + int(YEAR / HOUR) + 100).reached == math.inf
    assert forecast(sizes, 50_000 + int(YEAR / HOUR) - 100).reached < math.inf


def test_a_limit_that_is_exceeded_is_reached_now():
    sizes = [Size(i * DAY, 100 * i, 1_000 * i) for i in range(1, 11)]
    found = forecast(sizes, 5_000)
    assert found.reached == found.earliest == found.latest == 10 * DAY


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [Size(i * HOUR, 100 * i, 16 * i) for i in range(1, 6)],
        [Size(HOUR, 100 * i, 16 * i) for i in range(1, 11)],
        [Size(i * HOUR, 100, 16 * i) for i in range(1, 11)],
        [Size(i * HOUR, 100 * i, 0) for i in range(1, 11)],
    ],
)
def test_too_little_to_tell_is_no_forecast(sizes):
    assert forecast(sizes, 10**6) is None


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**9)), min_size=6, max_size=80))
def test_whatever_was_measured_the_interval_is_in_order_and_finite_or_beyond(steps):
    at, samples, sizes = 0.0, 0, []
    for step, size in steps:
        at, samples = at + step, samples + step
        sizes.append(Size(at, samples, size))
    found = forecast(sizes, 2 * 10**9)
    assert at <= found.earliest <= found.latest
    assert at <= found.reached
    assert all(one.low <= one.high and math.isfinite(one.bytes) for one in found.ahead)
    assert found == forecast(sizes, 2 * 10**9)


def test_a_curve_steeper_than_any_memory_ends_at_the_largest_one():
    sizes = [Size(float(i), 10**9 + i, 10**i) for i in range(1, 9)]
    assert forecast(sizes).ahead[-1].bytes == pytest.approx(2**63)


HUNDREDTHS = st.integers(-900, 900).map(lambda value: value / 100)


@given(st.lists(st.tuples(HUNDREDTHS, HUNDREDTHS), min_size=2, max_size=9))
def test_the_slope_is_the_median_of_those_of_all_pairs(points):
    slopes = [
        (y2 - y1) / (x2 - x1)
        for i, (x1, y1) in enumerate(points)
        for x2, y2 in points[i + 1 :]
        if x1 != x2
    ]
    if slopes:
        x, y = np.array(points).T
        assert theil_sen(x, y)[1] == pytest.approx(np.median(slopes))
