"""How long ago a value was first met: exact for few values, a fair sample of many."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitoring.quality import first_met
from monitoring.quality.first_met import FirstMetTimes


def met(*pairs, known=None):
    known = known or FirstMetTimes.empty()
    hashes, times = np.array(pairs, np.int64).reshape(-1, 2).T
    return known.met(hashes.astype(np.uint64), times)


def ages(known, *pairs):
    hashes, times = np.array(pairs, np.int64).reshape(-1, 2).T
    return known.ages(hashes.astype(np.uint64), times)


pairs = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), max_size=30)


@given(pairs, pairs)
def test_in_whatever_order_and_however_often_the_earliest_time_stays(some, others):
    together = met(*some, *others)
    apart = met(*some, known=met(*others, known=met(*some)))
    assert together.to_bytes() == apart.to_bytes()
    earliest = {h: min(t for g, t in [*some, *others] if g == h) for h, _ in [*some, *others]}
    assert dict(zip(together.hashes.tolist(), together.times.tolist(), strict=True)) == earliest


def test_a_value_is_as_old_as_its_first_time_and_a_new_one_is_of_age_0():
    known = met((5, 100), (7, 200))
    assert ages(known, (5, 130), (7, 200), (9, 500)).tolist() == [30, 0, 0]
    assert ages(FirstMetTimes.empty(), (9, 500)).tolist() == [0]


def test_no_value_is_neither_met_nor_new():
    known = met((0, 100))
    assert len(known.hashes) == 0
    assert np.isnan(ages(known, (0, 100)))


def test_of_many_values_a_sample_by_hash_is_kept_in_bounded_room(monkeypatch):
    monkeypatch.setattr(first_met, "K", 100)
    hashes = np.random.default_rng(0).integers(1, 2**63, 5_000).astype(np.uint64)
    known = FirstMetTimes.empty()
    for part in np.array_split(hashes, 7):
        known = known.met(part, np.full(len(part), 10))
    assert len(known.hashes) == 100
    found = known.ages(hashes, np.full(len(hashes), 30))
    assert set(found[~np.isnan(found)]) == {20.0}
    assert (~np.isnan(found)).sum() == 100


def test_bytes_bring_it_back():
    known = met((5, 100), (7, 200))
    again = FirstMetTimes.from_bytes(known.to_bytes())
    assert ages(again, (5, 130)).tolist() == [30]
    assert len(FirstMetTimes.from_bytes(b"").hashes) == 0
