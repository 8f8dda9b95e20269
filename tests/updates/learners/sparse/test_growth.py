"""A table whose keys move a few at a time, come and go, behaves like a dictionary."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.updates.learners.sparse.rows import ftrl, rows_of
from tests.updates.learners.sparse.test_table import keys
from updates.learners.sparse.slots import ABSENT, GOLDEN_RATIO, STATE
from updates.learners.sparse.table import KeyTable

batches = st.lists(keys, max_size=12, unique=True)


def array(keys):
    return np.array(keys, np.uint64)


class Moving(RuleBasedStateMachine):
    """A table against a dictionary of key → (value, hour)."""

    def __init__(self):
        super().__init__()
        self.table = KeyTable(("value",), capacity=2)
        self.expected = {}
        self.value = 0.0

    @rule(batch=batches)
    def put(self, batch):
        self.value += 1.0
        self.table.put(array(batch), np.full((len(batch), 1), self.value))
        for key in batch:
            self.expected[key] = (self.value, self.table.hour)

    @rule(hours=st.integers(0, 3))
    def time_passes(self, hours):
        self.table.hour += hours

    @rule(batch=batches)
    def remove(self, batch):
        numbers = self.table.remove(array(batch))
        there = [key for key in batch if self.expected.pop(key, None)]
        assert len(numbers) == len(there)

    @rule(age=st.integers(0, 4), bounds=st.tuples(*[st.integers(0, 2**64 - 1)] * 2))
    def remove_older(self, age, bounds):
        first, last = sorted(bounds)
        oldest = max(0, self.table.hour - age)
        found = self.table.older(first, last, oldest)
        expected = {
            key
            for key, (_, hour) in self.expected.items()
            if hour < oldest and first <= key * int(GOLDEN_RATIO) % 2**64 <= last
        }
        assert set(found.tolist()) == expected and len(found) == len(expected)
        self.table.remove(found)
        for key in expected:
            del self.expected[key]

    @rule(batch=batches)
    def step(self, batch):
        self.table.step(array(batch))

    @rule()
    def start_growth(self):
        if self.table.capacity < 2**12:
            self.table.start_growth()

    @rule()
    def copy(self):
        self.table = self.table.copy()

    @rule()
    def save_and_load(self):
        arrays, hours = self.table.to_arrays(), self.table.hours()
        hour = self.table.hour
        self.table = KeyTable.from_arrays(("value",), arrays, hours)
        self.table.hour = hour

    @rule()
    def look_at_all(self):
        arrays = self.table.to_arrays()
        values = {key: value for key, (value, _) in self.expected.items()}
        assert dict(zip(arrays["keys"].tolist(), arrays["value"], strict=True)) == values
        assert arrays["keys"].tolist() == sorted(values, key=list(self.expected).index)
        assert self.table.hours().tolist() == [hour for _, hour in self.expected.values()]

    @rule(batch=batches)
    def read(self, batch):
        states, slots = self.table.read(array(batch))
        for key, slot in zip(batch, slots, strict=True):
            assert (slot == ABSENT) == (key not in self.expected)
            if slot != ABSENT:
                assert states[slot, STATE] == self.expected[key][0]

    @invariant()
    def half_of_the_cells_stay_empty(self):
        assert self.table.size == len(self.expected) <= self.table.limit


TestMoving = Moving.TestCase
TestMoving.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("count", [5_000, 16_384, 16_385, 30_000])
def test_a_key_takes_as_many_bytes_as_the_docs_say(count):
    """64 to 128 with two columns; 192 at most while keys move."""
    model = ftrl()
    for start in range(0, count, 100):
        keys = range(start + 1, min(count, start + 100) + 1)
        model.learn(rows_of([dict.fromkeys(keys, 1.0)], [1]))
        if model.table.size > 1024:
            assert 64 <= model.table.nbytes / model.table.size <= 256
    model.table.settle()
    assert 64 <= len(model.table.view.cells) * 32 / model.table.size <= 128.1


def test_a_step_moves_no_more_than_its_keys_pay_for():
    table = KeyTable(("value",), capacity=1 << 14)
    known = np.arange(1, 1 << 13, dtype=np.uint64)
    table.put(known, np.ones((len(known), 1)))
    table.start_growth()
    table.step(known[:10])
    assert table.growing
    assert np.count_nonzero(table.view.cells[:, 0]) <= 10 + 10 * 4 + 2
    states, slots = table.read(known)
    assert (states[slots, STATE] == 1.0).all() and (slots != ABSENT).all()


def test_a_key_removed_while_others_move_does_not_come_back():
    table = KeyTable(("value",), capacity=1 << 10)
    known = np.arange(1, 400, dtype=np.uint64)
    table.put(known, np.ones((len(known), 1)))
    table.start_growth()
    assert len(table.remove(known[100:200])) == 100 and table.growing
    table.settle()
    assert table.size == 299 and (table.find(known[100:200]) == ABSENT).all()
    assert (table.find(known[200:]) != ABSENT).all()
