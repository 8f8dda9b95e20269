"""Bars and sparklines stay within their boxes."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.age_bar import AgeBar
from monitoring.freshness import Freshness, FreshnessState
from monitoring.sparkline import Sparkline


def fresh(age, objective=3600, grace=600):
    return Freshness(FreshnessState.FRESH, age, 0, 0, objective, grace)


def test_the_bar_is_long_enough_for_objective_and_grace():
    bar = AgeBar.of(fresh(age=3600))
    assert bar.age == bar.objective < bar.limit < 100
    assert not bar.beyond


def test_an_age_beyond_the_bar_fills_it():
    bar = AgeBar.of(fresh(age=1e9))
    assert bar.age == 100
    assert bar.beyond


def test_an_unknown_age_has_no_length():
    assert AgeBar.of(fresh(age=None)).age == 0


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60))
def test_a_sparkline_stays_in_its_box(values):
    line = Sparkline(values)
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert len(points) == len(values)
    assert all(0 <= x <= line.width and 0 <= y <= line.height for x, y in points)


def test_one_value_draws_no_line():
    assert Sparkline([1.0]).points == ""
