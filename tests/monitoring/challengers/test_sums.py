"""Sums of a comparison say as much as the samples, however often two equals are compared."""

import numpy as np
import pyarrow as pa
import pytest

from monitoring.challengers.sums import GROUPS, Sums, groups_of
from monitoring.challengers.verdict import Verdict, verdict

USERS = 300
EACH = 30


def equals(random):
    """Samples of 300 users, thirty of each, and two models that are as good: each is right of some
    users and wrong of others, in all of their samples."""
    users = np.repeat(np.arange(USERS), EACH)
    rates = np.repeat(random.uniform(0.2, 0.8, USERS), EACH)
    labels = (random.uniform(size=users.size) < rates).astype(float)
    scores = np.repeat(random.normal(0, 1.0, (2, USERS)), EACH, axis=1)
    theirs, ours = 1 / (1 + np.exp(-(np.log(rates / (1 - rates)) + scores)))
    texts = pa.table({"user": [f"u{user}" for user in users]})
    groups = groups_of(texts, "user")
    return Sums.of(labels, theirs, ours, np.ones(users.size), groups)


def test_of_two_equals_one_is_found_better_as_seldom_as_is_said():
    random = np.random.default_rng(5)
    wrong = sum(verdict(equals(random)) != Verdict.ALIKE for _ in range(300))
    # 99 % on either side: 2 in 100; with the samples taken to be independent it is 19.
    assert wrong / 300 < 0.04


def test_a_users_samples_are_in_one_group_in_whatever_part_they_come():
    table = pa.table({"user": ["a", "b", "a", None], "offset": [1, 2, 3, 4]})
    groups = groups_of(table, "user")
    assert groups[0] == groups[2]
    assert groups_of(table.slice(2, 1), "user")[0] == groups[0]
    assert set(groups) <= set(range(GROUPS))


def test_without_users_samples_are_spread_over_all_groups():
    table = pa.table({"offset": np.arange(1, 1 + 3 * GROUPS)})
    assert np.bincount(groups_of(table, None)).tolist() == [3] * GROUPS


def test_parts_add_up_to_the_whole():
    random = np.random.default_rng(1)
    labels, weights = random.integers(0, 2, 300).astype(float), random.uniform(0.5, 2, 300)
    theirs, ours = random.uniform(0.1, 0.9, (2, 300))
    groups = random.integers(0, GROUPS, 300)
    columns = (labels, theirs, ours, weights, groups)
    whole = Sums.of(*columns)
    parts = Sums.total(Sums.of(*(c[at] for c in columns)) for at in np.split(np.arange(300), 3))
    assert (parts.samples, parts.positives) == (whole.samples, whole.positives)
    assert parts.champion_ne == pytest.approx(whole.champion_ne)
    assert parts.difference.standard_error == pytest.approx(whole.difference.standard_error)


def test_what_is_taken_back_has_never_counted():
    half = np.full(5, 0.5)
    one = Sums.of(np.ones(5), half, half * 0.4, np.ones(5), np.arange(5))
    none = one.plus(one, times=-1)
    assert (none.samples, none.weight, none.champion_ne) == (0, 0.0, None)
    assert none.difference.ne_increase_interval is None
    assert verdict(none) == Verdict.TOO_FEW
