"""Which values' rates have changed beyond chance."""

import numpy as np
from scipy import sparse
from scipy.special import logit

from updates.explain.evidence import Group, changes

VALUES = 20


def group(rng, rates, count=4_000, users=None, expected=None):
    """Samples of one value each, whose rate the older version knows unless said otherwise."""
    values = rng.integers(0, VALUES, count)
    has = sparse.csr_matrix((np.ones(count), (np.arange(count), values)), (count, VALUES))
    labels = (rng.random(count) < rates[values]).astype(float)
    known = (rates if expected is None else expected)[values]
    owners = np.arange(count) if users is None else users
    return Group(has, labels, np.ones(count), logit(known), owners)


def rates_of(changed=None):
    rates = np.full(VALUES, 0.2)
    if changed is not None:
        rates[changed] = 0.5
    return rates


def test_a_rate_that_changed_is_found_with_its_odds_ratio():
    rng = np.random.default_rng(1)
    [found] = changes(group(rng, rates_of()), group(rng, rates_of(3), expected=rates_of()))
    assert found.column == 3
    assert found.low < 4 < found.high  # (0.5 / 0.5) / (0.2 / 0.8)


def test_an_error_of_long_standing_is_no_change():
    rng = np.random.default_rng(1)
    wrong = rates_of()
    before, news = (group(rng, rates_of(3), expected=wrong) for _ in range(2))
    assert changes(before, news) == []


def test_one_users_session_is_no_news():
    rng = np.random.default_rng(1)
    one_user = np.zeros(4_000, np.int64)
    news = group(rng, rates_of(3), users=one_user, expected=rates_of())
    assert changes(group(rng, rates_of()), news) == []


def test_without_samples_nothing_is_found():
    rng = np.random.default_rng(1)
    none = group(rng, rates_of(), count=0)
    assert changes(none, none) == []
    assert changes(group(rng, rates_of()), none) == []
