"""Serving in fewer bits: rounded without bias, alike each time, and in files, deltas and bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load, load_file

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.options import OptionError
from updates.learners.sparse.linear import SparseLinear
from updates.learners.sparse.precision import PRECISIONS, packed, unpacked
from updates.metrics import losses

COARSE = ["float32", "float16", "q2.13"]
BYTES = {"float64": 16, "float32": 12, "float16": 10, "q2.13": 10}
SAMPLES = stream(2000)
LABELS = SAMPLES.column("label").to_numpy()


def taught(precision, algorithm="ftrl"):
    strength = {"l1": 0.5} if algorithm == "ftrl" else {}
    model = SparseLinear(
        SCHEMA, {"algorithm": algorithm, "serving_precision": precision, **strength}
    )
    model.learn(SAMPLES)
    return model


@pytest.mark.parametrize("precision", COARSE)
@given(weights=arrays(np.float64, st.integers(0, 30), elements=st.floats(-3.9, 3.9)))
def test_a_weight_goes_to_one_of_its_two_neighbours(precision, weights):
    keys = np.arange(1, len(weights) + 1, dtype=np.uint64)
    stored = packed(keys, weights, precision)
    back = unpacked(stored)
    below, above = (
        (np.nextafter(stored, end) for end in (-np.inf, np.inf))
        if precision != "q2.13"
        else (stored - 1, stored + 1)
    )
    assert ((unpacked(below) < weights) | (back <= weights)).all()
    assert ((unpacked(above) > weights) | (back >= weights)).all()
    exact = unpacked(packed(keys, back, precision))
    assert (exact == back).all()


@pytest.mark.parametrize("precision", COARSE)
def test_rounding_has_no_bias(precision):
    keys = np.random.default_rng(3).integers(1, 2**63, 100_000, np.uint64)
    weights = np.full(len(keys), 0.1)
    back = unpacked(packed(keys, weights, precision))
    step = back.max() - back.min()
    assert step > 0 and set(back) == {back.min(), back.max()}
    assert abs(back.mean() - 0.1) < 5 * step / 2 / np.sqrt(len(keys))


@pytest.mark.parametrize(("precision", "end"), [("q2.13", 4 - 2**-13), ("float16", 65504.0)])
def test_what_is_out_of_range_becomes_its_end(precision, end):
    keys = np.array([5], np.uint64)
    assert unpacked(packed(keys, np.array([1e9]), precision)) == [end]


@pytest.mark.parametrize("algorithm", ["ftrl", "sgd"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_file_and_deltas_have_the_precision_and_predict_alike(precision, algorithm, tmp_path):
    model = taught(precision, algorithm)
    model.save(tmp_path)
    arrays = load_file(tmp_path / "weights.safetensors")
    follower = SparseLinear(SCHEMA, model.settings)
    follower.load_serving(tmp_path)
    assert (follower.predict(SAMPLES) == model.predict_deployed(SAMPLES)).all()
    assert model.sparsity().deployed_bytes == arrays["keys"].nbytes + arrays["weights"].nbytes
    assert model.sparsity().deployed_bytes == len(arrays["keys"]) * BYTES[precision]
    model.track()
    model.learn(stream(200, seed=3))
    delta = model.delta()
    follower.apply(delta)
    assert load(delta)["weights"].dtype == arrays["weights"].dtype
    assert (follower.predict(SAMPLES) == model.predict_deployed(SAMPLES)).all()


@pytest.mark.parametrize("precision", COARSE)
def test_it_costs_next_to_nothing(precision):
    model = taught(precision)
    exact = losses(LABELS, model.predict(SAMPLES)).mean()
    rounded = losses(LABELS, model.predict_deployed(SAMPLES)).mean()
    assert model.deploys_rounded and 0 < abs(rounded - exact) < 1e-4


def test_learning_is_not_rounded():
    models = [taught(precision) for precision in PRECISIONS]
    assert len({model.predict(SAMPLES).tobytes() for model in models}) == 1
    assert not models[0].deploys_rounded


def test_where_columns_are_deployed_only_float64_will_do():
    with pytest.raises(OptionError, match=r"serving_precision: must be float64 with rda"):
        SparseLinear(SCHEMA, {"algorithm": "rda", "serving_precision": "float16"})
