"""Charts of surprises: as seldom wrong as they are asked to be, and soon right."""

import math

import numpy as np
import pytest

from updates.flows.online.charts import ALLOWANCE, MOST, NOISELESS, OVERSHOOT, Chart, height


def test_a_height_is_siegmund_s_for_the_looks_of_all_charts():
    b = 2 * ALLOWANCE * (height(4, 1_000_000) + OVERSHOOT)
    assert (math.exp(b) - b - 1) / (2 * ALLOWANCE**2) == pytest.approx(4_000_000)


def test_at_the_limit_it_is_wrong_about_once_in_so_many_looks():
    chart, wrong = Chart(height(1, 500)), 0
    for surprise in np.random.default_rng(1).normal(size=100_000):
        chart.step(surprise, 1)
        if chart.worse:
            wrong, chart.value = wrong + 1, 0.0
    assert 140 <= wrong <= 270


def test_no_look_is_enough_alone_and_two_of_the_worst_are():
    chart = Chart(height(4, 30 * 86_400 / 2))
    chart.step(math.inf, 101)
    assert not chart.worse
    chart.step(math.inf, 201)
    assert chart.worse
    assert (chart.first_offset, chart.looks) == (101, 2)
    assert height(16, 30 * 86_400 / 2) < 2 * (MOST - ALLOWANCE) < 3 * (NOISELESS - ALLOWANCE)


def test_what_was_long_worse_is_soon_better():
    chart = Chart(5.0)
    for _ in range(100):
        chart.step(4.0, 1)
    for _ in range(3):
        chart.step(-1.0, 1)
    assert chart.value == 0
