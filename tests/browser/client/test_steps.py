"""The steps of ``recadmin-client.js`` beside the server's own, on the same interactions."""

import numpy as np
import pytest

from tests.browser.client.page import NEAR
from updates.learners.factors.client import user_step, user_step_pairs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]

STEP = """([vector, bias, items, biases, labels, weights, rate, l2]) => {
  const u = Float32Array.from(vector), rows = items.map((item) => Float32Array.from(item));
  const learned = userStep(u, bias, rows, biases, labels, weights, rate, l2);
  return [[...learned.vector, learned.bias], [...u].every((value, d) => value === vector[d])];
}"""
PAIRS = """([vector, preferred, others, weights, rate, l2]) => {
  const floats = (values) => Float32Array.from(values);
  const side = ([vectors, biases]) => ({ vectors: vectors.map(floats), biases });
  return [...userStepPairs(floats(vector), side(preferred), side(others), weights, rate, l2)];
}"""


def rows_of(random, n: int, dim: int) -> tuple[list[list[float]], list[float]]:
    """Items' vectors, of float32 values, and their biases."""
    vectors = random.normal(0, 0.7, (n, dim)).astype(np.float32)
    return vectors.tolist(), random.normal(0, 0.5, n).tolist()


@pytest.mark.parametrize("dim", [1, 2, 16, 33, 64])
@pytest.mark.parametrize(("rate", "l2"), [(0.2, 0.01), (1.5, 0.0)])
def test_a_step_on_the_device_is_the_one_on_the_server(visit, dim, rate, l2):
    random, n = np.random.default_rng(dim), 200
    start = random.normal(0, 0.5, dim).astype(np.float32)
    bias = float(np.float32(0.3))
    items, biases = rows_of(random, n, dim)
    labels = [float(row % 2) for row in range(n)]
    weights = random.choice([0.1, 1.0, 3.0, 20.0, 100.0], n).tolist()
    expected = user_step(
        start, bias, np.array(items), np.array(biases), np.array(labels), weights, rate, l2
    )
    arguments = [start.tolist(), bias, items, biases, labels, weights, rate, l2]
    found, untouched = visit().evaluate(STEP, arguments)
    difference = np.abs(np.array(found) - np.append(*expected)).max()
    print(f"dim {dim}, rate {rate}: differs by {difference:.3g}")
    assert difference <= NEAR
    assert untouched


@pytest.mark.parametrize("dim", [1, 16, 64])
def test_a_step_by_pairs_on_the_device_is_the_one_on_the_server(visit, dim):
    random, n, rate, l2 = np.random.default_rng(dim), 200, 0.2, 0.01
    start = random.normal(0, 0.5, dim).astype(np.float32)
    preferred, others = rows_of(random, n, dim), rows_of(random, n, dim)
    weights = random.choice([0.1, 1.0, 20.0], n).tolist()
    sides = [(np.array(vectors), np.array(biases)) for vectors, biases in (preferred, others)]
    expected = user_step_pairs(start, *sides, weights, rate, l2)
    found = visit().evaluate(PAIRS, [start.tolist(), preferred, others, weights, rate, l2])
    difference = np.abs(np.array(found) - expected).max()
    print(f"pairs, dim {dim}: differs by {difference:.3g}")
    assert difference <= NEAR
