"""What is said of two periods: effects beyond chance, at any number of rows."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import jensenshannon

from monitoring.drift.compare import Verdict, compare, compare_all
from monitoring.drift.distance import js_distance, psi, psi_by_chance
from monitoring.drift.numbers import NumberSketch
from monitoring.drift.sentences import sentence
from monitoring.drift.values import ValueSketch

P, Q = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.3, 0.4])


def normal(size, mean=0.0, seed=0):
    return NumberSketch.of(np.random.default_rng(seed).normal(mean, size=size))


def values(*rows):
    return ValueSketch.of(pa.array(rows, pa.string()))


def test_psi_is_what_its_formula_says():
    expected = sum((p - q) * np.log(p / q) for p, q in zip(P, Q, strict=True))
    assert psi(P, Q) == pytest.approx(expected)
    assert psi(P, Q) == pytest.approx(psi(Q, P))


def test_an_empty_bin_does_not_make_psi_infinite():
    assert psi(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(
        0.5 * np.log(2) + 0.5 * np.log(100)
    )


def test_the_distance_is_the_one_of_scipy():
    assert js_distance(P, Q) == pytest.approx(jensenshannon(P, Q))


def test_chance_alone_stays_below_the_floor_nineteen_times_in_twenty():
    """facts of the null distribution: at 200 against 200 rows in ten bins it is 0.169."""
    assert psi_by_chance(10, 200, 200) == pytest.approx(0.1692, abs=1e-4)
    above = [
        (found := compare("x", normal(200, seed=2 * i), normal(200, seed=2 * i + 1))).psi
        > found.psi_by_chance
        for i in range(400)
    ]
    assert 0.02 <= np.mean(above) <= 0.09


@pytest.mark.parametrize("rows", [1_000, 100_000, 10_000_000])
@pytest.mark.parametrize(
    ("mean", "verdict"), [(0.6, Verdict.DRIFTED), (0.02, (Verdict.STABLE, Verdict.SLIGHT))]
)
def test_the_verdict_to_act_does_not_depend_on_the_number_of_rows(rows, mean, verdict):
    found = compare("x", normal(rows, mean), normal(rows, seed=1)).verdict
    assert found == verdict or found in verdict


def test_on_few_rows_it_says_that_it_cannot_tell():
    found = compare("x", normal(60), normal(60, seed=1))
    assert found.verdict == Verdict.UNSURE
    assert sentence(found).startswith("Too few rows to tell (60 against 60)")


def test_a_value_that_fills_several_bins_is_told_from_those_below_it():
    zeros = NumberSketch.of(np.zeros(1_000))
    below = NumberSketch.of(np.full(1_000, -1.0))
    assert compare("x", zeros, zeros).psi == 0
    assert compare("x", below, zeros).verdict == Verdict.DRIFTED


def test_missing_values_count_as_a_bin_of_their_own():
    half = np.where(np.arange(1_000) % 2, 1.0, np.nan)
    found = compare("x", NumberSketch.of(half), NumberSketch.of(np.ones(1_000)))
    assert found.bins.labels[-1] == "missing"
    assert found.verdict == Verdict.DRIFTED


def test_a_rare_value_that_became_frequent_is_seen_among_many():
    before = values(*(f"v{i}" for i in range(20_000)))
    now = values(*["v7"] * 300, *(f"v{i}" for i in range(700)))
    found = compare("item", now, before)
    assert "v7" in found.bins.labels
    assert found.verdict == Verdict.DRIFTED


def test_new_values_are_no_news_where_every_value_is_new_anyway():
    ids = [f"v{i}" for i in range(4_000)]
    found = compare("id", values(*ids[2_000:]), values(*ids[:2_000]))
    assert found.new_value_rate == 1
    assert found.verdict == Verdict.STABLE


def test_new_values_are_drift_where_there_were_none():
    before = values(*["a", "b", "c", "d"] * 500)
    now = values(*["a", "b", "c", "d"] * 400, *(f"new{i}" for i in range(400)))
    found = compare("device", now, before)
    assert found.new_value_rate == pytest.approx(0.2)
    assert found.verdict == Verdict.DRIFTED
    assert "are new" in sentence(found) or "PSI" in sentence(found)


def test_features_are_ranked_by_what_they_contribute():
    now = {"a": normal(5_000), "b": normal(5_000, 1.0), "c": normal(5_000, 0.5)}
    against = {name: normal(5_000, seed=7) for name in "abc"} | {"d": values("x")}
    ranked = compare_all(now, against)
    assert [drift.feature for drift in ranked] == ["b", "c", "a"]
    assert sum(drift.contribution for drift in ranked) == pytest.approx(1)


def test_a_feature_of_another_kind_is_not_compared():
    assert compare_all({"a": values("x")}, {"a": normal(10)}) == []
    with pytest.raises(TypeError, match="a is a value now and was a number"):
        compare("a", values("x"), normal(10))
