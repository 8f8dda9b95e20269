"""Weights move between predictions, never within one."""

import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from updates.serving.deltas import Sent
from updates.serving.weights import Gate, Learned, Weights


class Pair:
    """A model of two numbers that a delta changes one after the other."""

    def __init__(self):
        self.first = self.second = 0

    def predict(self, batch):
        first = self.first
        self.pause()
        return np.array([first, self.second])

    def apply(self, delta):
        self.first = delta
        self.pause()
        self.second = delta

    @staticmethod
    def pause():
        threading.Event().wait(0.0005)


def sent(since, offset, payload=None):
    return Sent(1, since, offset, offset * 1000, [], payload)


def test_no_prediction_sees_half_a_delta():
    weights = Weights(Pair(), 0, None)
    seen, done = [], threading.Event()

    def ask():
        while not done.is_set():
            seen.append(weights.read(lambda pair: pair.predict(None)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(1, 100):
        weights.apply(sent(i - 1, i, i))
    done.set()
    for thread in threads:
        thread.join()
    assert len(seen) > 10
    for (first, second), learned in seen:
        assert first == second == learned.offset


def test_a_delta_that_begins_before_where_the_weights_are_brings_them_to_its_end():
    weights = Weights(Pair(), 7, datetime(2026, 1, 1, tzinfo=UTC))
    weights.apply(sent(3, 10, 1))
    assert (weights.offset, weights.sequence) == (10, 1)
    assert weights.watermark == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("since", "offset"), [(8, 10), (3, 7), (3, 5)])
def test_a_delta_that_leaves_out_something_or_brings_nothing_is_refused(since, offset):
    weights = Weights(Pair(), 7, None)
    with pytest.raises(ValueError, match="does not go on from 7"):
        weights.apply(sent(since, offset, 1))
    assert (weights.offset, weights.learner.first) == (7, 0)


def test_many_share_the_gate_at_once():
    gate, together = Gate(), threading.Barrier(3)

    def inside():
        with gate.shared():
            together.wait(5)

    threads = [threading.Thread(target=inside) for _ in range(2)]
    for thread in threads:
        thread.start()
    with gate.shared():
        together.wait(5)
    for thread in threads:
        thread.join()


def test_after_a_failure_the_gate_is_open():
    gate = Gate()
    with pytest.raises(RuntimeError), gate.alone():
        raise RuntimeError
    with gate.alone():
        pass
    with gate.shared():
        pass


def test_a_component_that_no_delta_brings_on_keeps_its_age():
    young, old = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    behind = {"trees": Learned(3, old), "lr": Learned(5, old)}
    weights = Weights(Pair(), 7, young, behind, stays={"trees"})
    _, before = weights.read(lambda pair: None)
    assert before.component_ages(["trees", "lr"], young) == {"trees": 86_400, "lr": 86_400}
    weights.apply(Sent(1, 7, 9, int(young.timestamp() * 1000), [], 1))
    _, after = weights.read(lambda pair: None)
    assert after.component_ages(["trees", "lr"], young) == {"trees": 86_400, "lr": 0}
