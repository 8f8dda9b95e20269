"""Whether what came proved a version right."""

import pytest

from updates.explain.verdicts import Verdict, verdict, wilson


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.26, 0.5, Verdict.RIGHT),
        (0.1, 0.24, Verdict.WRONG),
        (0.2, 0.3, Verdict.UNKNOWN),
    ],
)
def test_the_interval_must_be_on_one_side_of_the_middle(low, high, expected):
    assert verdict(0.2, 0.3, low, high) == expected


def test_a_fall_is_right_where_the_rate_is_lower():
    assert verdict(0.3, 0.2, 0.1, 0.24) == Verdict.RIGHT
    assert verdict(0.3, 0.2, 0.26, 0.5) == Verdict.WRONG


def test_wilsons_interval_is_that_of_the_textbook():
    # Newcombe 1998, Statistics in Medicine 17, table I: 15 of 148.
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def test_predictions_that_are_next_to_the_same_are_not_judged():
    assert verdict(0.565, 0.566, 0.50, 0.55) == Verdict.UNMOVED
    assert verdict(0.010, 0.0101, 0.02, 0.03) == Verdict.UNMOVED
    assert verdict(0.010, 0.011, 0.02, 0.03) == Verdict.RIGHT
