"""An alarm takes an effect, beyond chance at the fleet's budget, that lasts."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitoring.drift.alarm import AlarmState, Budget, Rule
from monitoring.drift.compare import compare
from monitoring.drift.numbers import NumberSketch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Rule(Budget(1, tests=3_000, every=MINUTE))


def shifted(mean, rows=5_000):
    rng = np.random.default_rng(0)
    return compare(
        "x", NumberSketch.of(rng.normal(mean, size=rows)), NumberSketch.of(rng.normal(size=rows))
    )


FAR, NEAR, BETWEEN = shifted(0.6), shifted(0.0), shifted(0.3)


def after(looks, rule=RULE):
    state = AlarmState()
    for minute, drift in enumerate(looks):
        state = state.step(drift, rule, NOON + minute * MINUTE)
    return state


def test_the_budget_is_shared_by_all_looks_at_all_features():
    assert RULE.budget.probability == pytest.approx(1 / (3_000 * 43_200))


def test_an_alarm_fires_once_drift_has_lasted():
    assert after([FAR] * 5).firing_since is None
    assert after([FAR] * 6).firing_since == NOON + 5 * MINUTE


def test_drift_that_stops_in_between_begins_to_last_anew():
    assert after([FAR] * 4 + [NEAR] + [FAR] * 4).firing_since is None


def test_an_alarm_holds_until_the_effect_is_well_below_what_raised_it():
    assert after([FAR] * 6 + [BETWEEN] * 20).firing_since is not None
    assert after([FAR] * 6 + [NEAR] * 6) == AlarmState()


def test_what_chance_explains_at_the_budget_raises_nothing():
    few = shifted(0.6, rows=60)
    assert few.psi > few.psi_by_chance
    assert after([few] * 10).firing_since is None
    assert RULE.limit(few) > few.psi > RULE.effect
