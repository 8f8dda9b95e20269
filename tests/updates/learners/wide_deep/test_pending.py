"""Rows that wait for a mini-batch: each component learns each of its rows once, in order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from updates.learners.wide_deep.rows import DeepRows, Pending

NAMES = ("embeddings", "upper")
CHOSEN = st.sampled_from([("embeddings",), ("upper",), NAMES])


def rows(first, count):
    keys = np.arange(first, first + count, dtype=np.uint64)
    none, times = np.zeros((count, 2), np.float32), np.arange(first, first + count)
    return DeepRows(1, np.arange(count + 1), keys, none, times)


@given(st.lists(st.tuples(st.integers(1, 5), CHOSEN, CHOSEN, st.booleans())))
def test_each_component_learns_the_rows_that_came_for_it_once_and_in_order(steps):
    pending, came = Pending(1, 2, NAMES), 0
    owed, learned = ({name: [] for name in NAMES} for _ in range(2))
    for count, components, takers, reload in steps:
        pending.add(rows(came, count), np.arange(came, came + count), components)
        for name in components:
            owed[name] += range(came, came + count)
        came += count
        if reload:
            arrays, pending = pending.to_arrays(), Pending(1, 2, NAMES)
            pending.restore(arrays)
        together = takers if pending.same(*NAMES) else takers[:1]
        taken, slopes = pending.take(*together)
        assert taken.keys.tolist() == taken.event_times.tolist() == slopes.tolist()
        for name in together:
            learned[name] += taken.keys.tolist()
    for name in NAMES:
        waiting = pending.waiting(name)
        rest = pending.take(name)[0].keys.tolist()
        assert (learned[name] + rest, len(rest)) == (owed[name], waiting)


def test_saved_rows_are_the_same_bytes_when_saved_again():
    pending = Pending(1, 2, NAMES)
    pending.add(rows(0, 3), np.ones(3), NAMES)
    pending.add(rows(3, 2), np.ones(2), ["upper"])
    again = Pending(1, 2, NAMES)
    again.restore(pending.to_arrays())
    for name, array in pending.to_arrays().items():
        assert np.array_equal(again.to_arrays()[name], array)
