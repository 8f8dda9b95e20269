"""Known facts change in simulated streams: the explanation names them, and nothing else."""

import numpy as np
import pytest

from updates.explain.planted import SCHEMA, Sizes, found, outcome
from updates.explain.verdicts import Verdict
from updates.learners.sparse.linear import SparseLinear

SIZES = Sizes(before=40_000, news=20_000, since=10_000)


def linear():
    return SparseLinear(SCHEMA)


@pytest.fixture(scope="module")
def planted():
    return [outcome(linear, SIZES, seed, planted=True) for seed in range(2)]


def test_what_was_planted_is_named_and_hardly_anything_else(planted):
    figures = found(planted)
    assert figures.precision >= 0.8
    assert figures.recall >= 0.3


def test_what_came_since_bears_the_new_knowledge_out(planted):
    figures = found(planted)
    assert figures.right > 0
    assert figures.wrong == 0


def test_each_value_named_has_a_sentence_with_its_numbers(planted):
    told = planted[0].explanation
    for one in told.learned:
        [said] = [text for text in told.to_json()["sentences"] if f"on {one.value.words} " in text]
        assert f"{one.samples:,} of the last 20,000 samples" in said


def test_nothing_is_named_where_nothing_changed():
    for seed in range(3):
        told = outcome(linear, SIZES, seed, planted=False).explanation
        assert not told.learned
        assert told.to_json()["sentences"][0].startswith("No value's clicks changed beyond chance")


def test_the_shift_is_divided_among_values_without_remainder(planted):
    told = planted[0].explanation
    assert sum(told.movement.fields.values()) == pytest.approx(1)
    assert told.movement.how.startswith("Exact")


def test_an_update_on_changed_facts_is_worth_something_on_the_samples_since(planted):
    worth = planted[0].explanation.worth
    assert worth.samples == SIZES.since
    assert worth.low < worth.ne_difference < worth.high < 0


def test_slices_are_judged_by_samples_that_neither_version_learned(planted):
    judged = [one for one in planted[0].explanation.slices if one.verdict != Verdict.UNMOVED]
    assert judged
    for one in judged:
        assert one.low <= one.observed <= one.high
        middle = (one.against_since + one.version_since) / 2
        assert (one.verdict == Verdict.UNKNOWN) == (one.low <= middle <= one.high)


def test_some_places_of_the_ranking_change_hands(planted):
    ranking = planted[0].explanation.ranking
    assert 0 < ranking.changed < 1
    assert "(topic)" in ranking.how


def test_it_is_the_same_each_time():
    one, other = (outcome(linear, SIZES, 1, planted=True).explanation.to_json() for _ in range(2))
    assert one == other
    assert np.isfinite(one["mean_shift"])
