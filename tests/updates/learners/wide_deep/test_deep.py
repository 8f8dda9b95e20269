"""The deep part against JAX, and against loops that follow the formulas."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.options import OptionError
from updates.learners.wide_deep.embeddings import FIRST_SQUARE, Embeddings
from updates.learners.wide_deep.learner import WideDeep
from updates.learners.wide_deep.rows import DeepRows
from updates.learners.wide_deep.upper import Upper

F, DIM = 2, 3
# Two fields: a row with one key each, one that shares a key, one with two keys and none.
ROWS = DeepRows(
    F,
    np.array([0, 1, 2, 3, 4, 6, 6]),
    np.array([11, 21, 11, 22, 12, 11], np.uint64),
    np.zeros((3, 0), np.float32),
    np.zeros(3, np.int64),
)


def gradients(seed):
    return np.random.default_rng(seed).normal(size=(3, F * DIM)).astype(np.float32)


def test_the_forward_pass_equals_jax_s():
    from updates.learners.wide_deep.training import forward

    for sizes in ((17, (64, 32)), (5, (3,)), (40, (16, 8, 4))):
        upper = Upper(*sizes, seed=3)
        upper.weights = upper.weights + np.float32(0.01)  # biases that are not 0
        inputs = np.random.default_rng(4).normal(size=(200, sizes[0])).astype(np.float32)
        theirs = np.asarray(forward(upper.sizes, upper.weights, inputs))
        np.testing.assert_allclose(upper.logits(inputs), theirs, rtol=1e-5, atol=1e-5)


def test_a_row_s_logit_is_the_same_bits_in_any_company():
    upper = Upper(17, (64, 32), seed=3)
    inputs = np.random.default_rng(4).normal(size=(50, 17)).astype(np.float32)
    alone = np.concatenate([upper.logits(row[None]) for row in inputs])
    assert np.array_equal(alone, upper.logits(inputs))


def test_a_step_of_the_network_is_adam_on_the_mean_of_the_rows_gradients():
    from updates.learners.wide_deep.training import step

    upper = Upper(4, (3,), seed=1)
    before = upper.weights.astype(np.float64)
    random = np.random.default_rng(2)
    inputs = random.normal(size=(6, 4)).astype(np.float32)
    slopes = random.normal(size=6).astype(np.float32)
    by_inputs = step(upper, inputs, slopes, 0.01, upper_learns=True)

    def loss(weights, x):
        hidden = np.maximum(x @ weights[:12].reshape(4, 3) + weights[12:15], 0)
        return slopes @ (hidden @ weights[15:18] + weights[18])

    found = slope_of(lambda w: loss(w, inputs.astype(float)), before) / 6
    # Kingma & Ba 2015, Algorithm 1: the first step is rate·g / (|g| + ε).
    np.testing.assert_allclose(
        upper.weights, before - 0.01 * found / (np.abs(found) + 1e-8), atol=1e-5
    )
    expected = slope_of(lambda x: loss(before, x.reshape(6, 4)), inputs.astype(float).ravel())
    np.testing.assert_allclose(by_inputs.ravel(), expected, atol=1e-4)


def slope_of(function, at):
    steps = 1e-6 * np.eye(len(at))
    return np.array([(function(at + s) - function(at - s)) / 2e-6 for s in steps])


def test_vectors_learn_as_dense_adagrad_says():
    embeddings = Embeddings(F, DIM, seed=5, rate=0.1)
    vectors, squares, members = {}, {}, [embeddings.vectors.defaults[f].copy() for f in range(F)]
    origins = [[member.astype(np.float64)] for member in members]
    for round_ in range(3):
        moved = gradients(round_)
        embeddings.learn(ROWS, moved)
        total = {}
        for owner in range(3 * F):
            keys = ROWS.keys[ROWS.indptr[owner] : ROWS.indptr[owner + 1]]
            part = moved[owner // F, owner % F * DIM : (owner % F + 1) * DIM]
            for key in keys:
                total[owner % F, key] = total.get((owner % F, key), 0) + part / len(keys)
        begin = [mean(origins[f], vectors, f) for f in range(F)]
        for (field, key), gradient in total.items():
            vectors.setdefault((field, key), begin[field])
            squares[field, key] = squares.get((field, key), FIRST_SQUARE) + gradient**2
            vectors[field, key] = vectors[field, key] - 0.1 * gradient / np.sqrt(
                squares[field, key]
            )
    for (_, key), vector in vectors.items():
        number = embeddings.vectors.find(np.array([key], np.uint64))[0]
        np.testing.assert_allclose(embeddings.vectors.values[number], vector, atol=1e-6)
    for field in range(F):
        expected = mean(origins[field], vectors, field)
        np.testing.assert_allclose(embeddings.vectors.defaults[field], expected, atol=1e-6)


def mean(origin, vectors, field):
    return np.mean([*origin, *(v for (f, _), v in vectors.items() if f == field)], axis=0)


def test_inputs_are_means_of_vectors_defaults_for_the_unknown_zeros_for_nothing():
    embeddings = Embeddings(F, DIM, seed=5, rate=0.1)
    embeddings.learn(ROWS.slice(0, 2), gradients(1)[:2])
    vectors = embeddings.vectors
    inputs = vectors.inputs(ROWS, vectors.find(ROWS.keys))
    of = {key: vectors.values[vectors.find(np.array([key], np.uint64))[0]] for key in (11, 21)}
    np.testing.assert_array_equal(inputs[0], np.concatenate([of[11], of[21]]))
    unknown = vectors.defaults[0]
    np.testing.assert_allclose(inputs[2, :DIM], (unknown + of[11]) / 2, rtol=1e-6)
    assert not inputs[2, DIM:].any()


def test_numbers_are_squashed_and_stay_finite():
    learner = WideDeep(SCHEMA)
    batch = stream(3)
    column = batch.schema.get_field_index("price")
    batch = batch.set_column(column, batch.schema.field(column), pa.array([-1e300, None, 7.0]))
    rows = DeepRows.of(learner._encoder.encode(batch), 3)
    np.testing.assert_allclose(rows.numbers[:, 0], [-690.8, 0.0, np.log(8)], rtol=1e-4)


@pytest.mark.parametrize("hidden", ["", "64,", "0", "a", "5000", "-3"])
def test_units_that_are_no_numbers_are_refused(hidden):
    with pytest.raises(OptionError, match="hidden: must be whole numbers"):
        WideDeep(SCHEMA, {"hidden": hidden})
