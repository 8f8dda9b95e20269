"""Lags are counted by the sample and rounded up a little, never down."""

from hypothesis import given
from hypothesis import strategies as st

from updates.serving.lags import Lags, rounded_up


@given(st.integers(0, 10**9))
def test_rounding_is_up_and_by_less_than_a_sixty_fourth(lag):
    assert lag <= rounded_up(lag) <= lag + lag / 64


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 1000))))
def test_every_sample_is_counted_once(arrivals):
    lags = Lags()
    for pair in arrivals:
        lags.add([pair], 10**6)
    values, counts = lags.take()
    assert counts.sum() == sum(count for _, count in arrivals)
    assert values.tolist() == sorted({rounded_up(10**6 - at) for at, _ in arrivals})
    assert lags.take()[0].size == 0


def test_an_arrival_by_a_clock_ahead_of_ours_has_no_lag():
    lags = Lags()
    lags.add([(1_500, 2)], 1_000)
    assert lags.take()[0].tolist() == [0]
