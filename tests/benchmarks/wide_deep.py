"""Wide & Deep: learning beside the same network written plainly in JAX; scoring of candidates."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.benchmarks.clicks import SCHEMA, Clicks, simulate
from tests.benchmarks.harness import Table, alternate, percentiles_ms, rates, times_as_fast
from updates.learners.wide_deep.learner import WideDeep
from updates.learners.wide_deep.settings import hidden_units
from updates.metrics import entropy, losses
from updates.samples.encoder import Encoder

BATCH_ROWS = 65_536
CANDIDATES = 100
SETTINGS = WideDeep.resolve({})
ROWS = SETTINGS["mini_batch"]
Run = Callable[[], tuple[float, np.ndarray]]


def tables(
    sizes: tuple[int, ...] = (20_000, 200_000), repetitions: int = 3, requests: int = 1_000
) -> Iterator[Table]:
    """Samples a second, by size of the tables, then milliseconds of scoring."""
    clicks = simulate(max(sizes))
    for size in sizes:
        yield against_plain_jax(clicks.first(size), repetitions)
    yield scoring(clicks, requests)


def against_plain_jax(clicks: Clicks, repetitions: int) -> Table:
    """One pass of each over whole mini-batches, predicting each row before it is learned."""
    kept = clicks.first(len(clicks.labels) // ROWS * ROWS)
    keys, ids = np.unique(_keys(kept), return_inverse=True)
    plain = "the same, plainly in JAX, ids given"
    contenders: dict[str, Run] = {
        "ours, rows of strings": partial(ours, kept),
        plain: partial(plainly, ids.reshape(-1, len(SCHEMA.categorical)), len(keys), kept.labels),
    }
    found: dict[str, np.ndarray] = {}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}

    def run(name: str) -> float:
        began = time.process_time()
        seconds, found[name] = contenders[name]()
        cpu[name].append(time.process_time() - began)
        return seconds

    seconds = alternate({name: partial(run, name) for name in contenders}, repetitions)
    cpu = {name: spent[1:] for name, spent in cpu.items()}  # the first round is not counted
    background = entropy(float(kept.labels.mean()))
    return Table(
        f"Learn: wide & deep, beside the same network written plainly in JAX, {len(keys):,} keys",
        [
            {
                "learner": name,
                "samples/s min / median / max": rates(len(kept.labels), seconds[name]),
                "times as fast as plain JAX": times_as_fast(seconds[name], seconds[plain]),
                "samples/CPU s": len(kept.labels) / statistics.median(cpu[name]),
                "times, by CPU s": times_as_fast(cpu[name], cpu[plain]),
                "NE": f"{losses(kept.labels, found[name]).mean() / background:.4f}",
            }
            for name in contenders
        ],
        f"{len(kept.labels):,} rows of {len(SCHEMA.categorical)} fields, vectors of "
        f"{SETTINGS['embedding_dim']}, layers {SETTINGS['hidden']}, mini-batches of "
        f"{ROWS}. Plain JAX has dense tables and gradients, Adagrad in place of FTRL, and gets "
        "the number of each value for nothing.",
    )


def _keys(clicks: Clicks) -> np.ndarray:
    encoder = Encoder(SCHEMA)
    parts = [encoder.encode(batch).keys for batch in clicks.batches(BATCH_ROWS)]
    return np.concatenate(parts)


def ours(clicks: Clicks) -> tuple[float, np.ndarray]:
    """Encode, predict, learn, keep names."""
    learner, batches = WideDeep(SCHEMA), clicks.batches(BATCH_ROWS)
    began = time.perf_counter()
    predictions = learner.fit(batches).predictions
    return time.perf_counter() - began, predictions


def plainly(ids: np.ndarray, keys: int, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """What a page of JAX does: ids (n, fields) look up dense tables, optax moves all of them."""
    params = _first_params(keys)
    state = OPTIMISER.init(params)
    predictions = []
    began = time.perf_counter()
    for start in range(0, len(ids), ROWS):
        stop = start + ROWS
        params, state, found = _plain_step(params, state, ids[start:stop], labels[start:stop])
        predictions.append(found)
    found = np.concatenate([np.asarray(part) for part in predictions]).astype(np.float64)
    return time.perf_counter() - began, found


def _first_params(keys: int) -> dict[str, jax.Array | list[jax.Array]]:
    random = np.random.default_rng(SETTINGS["seed"])
    dim = SETTINGS["embedding_dim"]
    sizes = (len(SCHEMA.categorical) * dim, *hidden_units(SETTINGS), 1)
    kernels = [random.normal(0, np.sqrt(2 / ins), (ins, outs)) for ins, outs in pairwise(sizes)]
    return {
        "wide": jnp.zeros(keys),
        "vectors": jnp.asarray(random.normal(0, 0.01, (keys, dim)), jnp.float32),
        "kernels": [jnp.asarray(kernel, jnp.float32) for kernel in kernels],
        "biases": [jnp.zeros(outs) for outs in sizes[1:]],
    }


def _logits(params: dict, ids: jax.Array) -> jax.Array:
    hidden = params["vectors"][ids].reshape(len(ids), -1)
    for kernel, bias in zip(params["kernels"], params["biases"], strict=True):
        sums = hidden @ kernel + bias
        hidden = jax.nn.relu(sums)
    return sums[:, 0] + params["wide"][ids].sum(axis=1)


def _plain_loss(params: dict, ids: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    logits = _logits(params, ids)
    return optax.sigmoid_binary_cross_entropy(logits, labels).sum(), jax.nn.sigmoid(logits)


OPTIMISER = optax.partition(
    {
        "table": optax.adagrad(SETTINGS["embedding_rate"]),
        "network": optax.adam(SETTINGS["upper_rate"]),
    },
    {"wide": "table", "vectors": "table", "kernels": "network", "biases": "network"},
)


@partial(jax.jit, donate_argnums=(0, 1))
def _plain_step(params: dict, state: optax.OptState, ids: jax.Array, labels: jax.Array) -> tuple:
    gradients, found = jax.grad(_plain_loss, has_aux=True)(params, ids, labels)
    changes, state = OPTIMISER.update(gradients, state, params)
    return optax.apply_updates(params, changes), state, found


def scoring(clicks: Clicks, requests: int) -> Table:
    """The serving form, as it lies in a web process that has no JAX."""
    learner, serving = WideDeep(SCHEMA), WideDeep(SCHEMA)
    learner.fit(clicks.batches(BATCH_ROWS))
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder))
        serving.load_serving(Path(folder))
    table, seconds, cpu = clicks.table.combine_chunks(), [], []
    for request in range(requests):
        start = request * CANDIDATES % (table.num_rows - CANDIDATES)
        batch = table.slice(start, CANDIDATES).to_batches()[0]
        began, worked = time.perf_counter(), time.thread_time()
        serving.predict(batch)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - worked)
    own = {f"CPU {name}": value for name, value in percentiles_ms(cpu).items()}
    return Table(
        f"Score: wide & deep, {CANDIDATES} candidates × {len(SCHEMA.categorical)} features",
        [{"requests": requests, "vectors": serving.vectors.size, **percentiles_ms(seconds), **own}],
        "From Arrow rows of strings to probabilities, without the web server.",
    )
