import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.updates.learners.sparse.paper import weights
from tests.updates.learners.sparse.rows import ftrl, rows_of
from updates.learners.sparse.slots import ABSENT, GOLDEN_RATIO, home, shift_of
from updates.learners.sparse.table import KeyTable

INVERSE = pow(int(GOLDEN_RATIO), -1, 2**64)
# Keys that all want the first cell, all want the last one, are consecutive, or are anything.
crowded_first = st.integers(1, 50).map(lambda j: INVERSE * j % 2**64)
crowded_last = st.integers(1, 50).map(lambda j: INVERSE * (2**64 - j) % 2**64)
keys = st.one_of(crowded_first, crowded_last, st.integers(1, 50), st.integers(1, 2**64 - 1))
rows = st.lists(st.lists(keys, max_size=20, unique=True), max_size=30)


def learn(model, rows):
    """Every row a sample with these keys; labels alternate."""
    features = [dict.fromkeys(row, 1.0) for row in rows]
    return model.learn(rows_of(features, [i % 2 for i in range(len(rows))]))


def arrays_equal(a, b):
    assert a.keys() == b.keys()
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_crowded_keys_do_want_the_same_cell():
    assert {home(np.uint64(INVERSE * j % 2**64), shift_of(1024)) for j in range(1, 50)} == {0}


@given(rows, st.sampled_from([2, 8, 1024]))
def test_it_behaves_like_a_dictionary(rows, capacity):
    model, expected = ftrl(fit_intercept=False, capacity=capacity), {}
    for i, row in enumerate(rows):
        w = {key: weights(*expected.get(key, (0.0, 0.0)), 0.1, 1, 0, 0) for key in row}
        g = 1 / (1 + np.exp(-sum(w.values()))) - i % 2
        for key in row:
            z, n = expected.get(key, (0.0, 0.0))
            expected[key] = z + g - (np.sqrt(n + g * g) - np.sqrt(n)) / 0.1 * w[key], n + g * g
    learn(model, rows)
    state = model.to_arrays()
    assert state["keys"].tolist() == list(expected)
    np.testing.assert_allclose(state["z"], [z for z, _ in expected.values()], atol=1e-9)
    np.testing.assert_allclose(state["n"], [n for _, n in expected.values()], atol=1e-9)


@given(rows, keys)
def test_a_key_never_inserted_is_not_found(rows, other):
    model = ftrl(capacity=2)
    learn(model, rows)
    there = any(other in row for row in rows)
    assert (model.table.find(np.array([other], np.uint64))[0] != ABSENT) == there


@given(rows)
def test_growth_does_not_change_learning(rows):
    small, large = ftrl(capacity=2), ftrl(capacity=4096)
    small_predictions, small_inserted = learn(small, rows)
    large_predictions, large_inserted = learn(large, rows)
    assert np.array_equal(small_predictions, large_predictions)
    assert np.array_equal(small_inserted, large_inserted)
    assert arrays_equal(small.to_arrays(), large.to_arrays())


@given(rows)
def test_the_positions_of_new_keys_are_those_of_their_first_occurrence(rows):
    _, inserted = learn(ftrl(capacity=2), rows)
    flat = [key for row in rows for key in row]
    assert [flat[j] for j in inserted] == list(dict.fromkeys(flat))


@given(rows, rows)
def test_a_restored_table_learns_on_alike(first, second):
    model, restored = ftrl(capacity=2), ftrl()
    learn(model, first)
    restored.restore(model.to_arrays())
    assert np.array_equal(learn(model, second)[0], learn(restored, second)[0])
    assert arrays_equal(model.to_arrays(), restored.to_arrays())


def test_rows_learned_together_are_learned_as_one_by_one():
    rng = np.random.default_rng(0)
    rows = [rng.choice(np.arange(1, 3000), size, replace=False).tolist() for size in [40, 700] * 9]
    together, one_by_one = ftrl(capacity=2), ftrl()
    for i, row in enumerate(rows):
        one_by_one.learn(rows_of([dict.fromkeys(row, 1.0)], [i % 2]))
    _, positions = learn(together, rows)
    flat = [key for row in rows for key in row]
    assert [flat[j] for j in positions] == list(dict.fromkeys(flat))
    assert arrays_equal(together.to_arrays(), one_by_one.to_arrays())


def test_half_of_the_cells_stay_empty():
    model = ftrl()
    learn(model, [list(range(1, 513))])
    assert model.table.capacity == 1024
    learn(model, [[513]])
    assert (model.table.size, model.table.capacity) == (513, 2048)


def test_a_cell_is_within_one_cache_line():
    table = KeyTable(("z", "n"))
    for _ in range(4):
        table.grow()
        assert table.view.cells.ctypes.data % 64 == 0
    assert table.nbytes == table.capacity * 32
