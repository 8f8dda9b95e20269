"""What every learner promises, as checks that any learner can be put through.

Each check is named by its promise and raises CheckFailed where it is broken. A package that brings
a learner runs ``check_learner`` in its tests; see docs/adding-a-learner.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners import registry
from updates.learners.base import Learner, Sparsity
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

Batches = Sequence[pa.RecordBatch]
Make = Callable[[], Learner]


class CheckFailed(AssertionError):
    """A learner does not keep a promise; the message says which and how."""


class _Stopped(Exception):
    pass


def check_learner(
    learner: str | type[Learner],
    schema: SampleSchema,
    batches: Batches,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Put a learner, by name or class, through all checks that apply to it.

    Parameters
    ----------
    batches : at least two, with both labels and some 20 samples each; more show more.

    Raises
    ------
    CheckFailed : the first promise that is broken.
    """
    kind = registry.get(learner) if isinstance(learner, str) else learner
    for check in checks_of(kind):
        check(lambda: kind(schema, options), batches)


def checks_of(learner: type[Learner]) -> list[Callable[[Make, Batches], None]]:
    """The checks that apply: those of sequential learners only to such, none to what is trained
    elsewhere."""
    if not learner.trained_here:
        return []
    return [*ALL, *(SEQUENTIAL if learner.sequential else ())]


def same_calls_give_the_same_bytes(make: Make, batches: Batches) -> None:
    """Two learners that were told the same save the same files."""
    _same(_bytes(_taught(make, batches)), _bytes(_taught(make, batches)), "the same calls")


def a_loaded_learner_goes_on_alike(make: Make, batches: Batches) -> None:
    """Saved and loaded between two batches, it predicts and ends as if it had not been."""
    undisturbed, loaded = _taught(make, batches[:1]), make()
    with TemporaryDirectory() as folder:
        undisturbed.save(Path(folder))
        loaded.load(Path(folder))
    _same_array(undisturbed.predict(batches[1]), loaded.predict(batches[1]), "loading")
    for batch in batches[1:]:
        undisturbed.learn(batch)
        loaded.learn(batch)
    _same(_bytes(undisturbed), _bytes(loaded), "learning on after a load")


def saving_leaves_later_learning_alone(make: Make, batches: Batches) -> None:
    """A learner that is saved after every batch ends as one that never was."""
    saved = make()
    for batch in batches:
        saved.learn(batch)
        _bytes(saved)
    _same(_bytes(_taught(make, batches)), _bytes(saved), "saving in between")


def predicting_changes_nothing(make: Make, batches: Batches) -> None:
    """Predictions, of known and unknown features, leave no trace and can be repeated."""
    learner = _taught(make, batches[:1])
    before = _bytes(learner)
    first = [learner.predict(batch) for batch in batches]
    second = [learner.predict(batch) for batch in batches]
    for a, b in zip(first, second, strict=True):
        _same_array(a, b, "predicting again")
    _same(before, _bytes(learner), "predicting")


def the_serving_form_predicts_the_same_bits(make: Make, batches: Batches) -> None:
    """What ``load_serving`` loads scores exactly as the learner that was saved."""
    learner, serving = _taught(make, batches[:-1]), make()
    with TemporaryDirectory() as folder:
        learner.save(Path(folder))
        serving.load_serving(Path(folder))
        for batch in batches:
            _same_array(learner.predict(batch), serving.predict(batch), "serving")


def probabilities_are_finite(make: Make, batches: Batches) -> None:
    """Predictions are (n,) float64 within [0, 1], and the parameters finite."""
    learner = _taught(make, batches)
    for batch in batches:
        _probabilities(learner.predict(batch), batch.num_rows)
    if not learner.is_finite():
        raise CheckFailed("is_finite() is false after learning ordinary samples")


def unseen_features_are_predicted(make: Make, batches: Batches) -> None:
    """Values never learned get a probability, not an error."""
    learner = _taught(make, batches)
    unseen = _with_columns(batches[0], _unseen)
    _probabilities(learner.predict(unseen), unseen.num_rows)


def nulls_are_learned_and_predicted(make: Make, batches: Batches) -> None:
    """Rows without any feature are learned and predicted."""
    learner = _taught(make, batches)
    nulls = _with_columns(batches[0], lambda column: pa.nulls(len(column), column.type))
    learner.learn(nulls)
    _probabilities(learner.predict(nulls), nulls.num_rows)


def an_empty_batch_changes_nothing(make: Make, batches: Batches) -> None:
    """No samples: nothing is learned, and (0,) probabilities are predicted."""
    learner, empty = _taught(make, batches), batches[0].slice(0, 0)
    before = _bytes(learner)
    report = learner.learn(empty)
    if report.samples != 0:
        raise CheckFailed(f"reports {report.samples} samples of an empty batch")
    _same(before, _bytes(learner), "learning an empty batch")
    _probabilities(learner.predict(empty), 0)


def the_batch_is_not_kept(make: Make, batches: Batches) -> None:
    """Memory of a batch that is overwritten after learning does not reach the state."""
    learner = make()
    for batch in batches:
        memory = bytearray(_ipc(batch))
        learner.learn(pa.ipc.open_stream(pa.py_buffer(memory)).read_next_batch())
        memory[:] = bytes(len(memory))
    _same(_bytes(_taught(make, batches)), _bytes(learner), "overwriting the batches")


def fit_forgets(make: Make, batches: Batches) -> None:
    """``fit`` gives the same model whatever was learned before."""
    fresh, experienced = make(), _taught(make, batches[1:])
    fresh.fit(batches[:1])
    experienced.fit(batches[:1])
    _same(_bytes(fresh), _bytes(experienced), "fitting after having learned")


def reports_count_the_samples(make: Make, batches: Batches) -> None:
    """``learn`` and ``fit`` say how many samples they learned, with a prediction each or none."""
    learner = make()
    total = sum(batch.num_rows for batch in batches)
    reports = [(learner.fit(batches), total)]
    reports += [(learner.learn(batch), batch.num_rows) for batch in batches]
    for report, rows in reports:
        if report.samples != rows:
            raise CheckFailed(f"reports {report.samples} samples where {rows} were given")
        if report.predictions is not None:
            _probabilities(report.predictions, rows)


def progress_can_stop_it(make: Make, batches: Batches) -> None:
    """``learn`` and ``fit`` call ``progress``, and what it raises goes through."""

    def stop(phase: str, done: int, total: int | None) -> None:
        raise _Stopped

    works: dict[str, Callable[[], object]] = {
        "fit": lambda: make().fit(batches, stop),
        "learn": lambda: make().learn(batches[0], stop),
    }
    for name, work in works.items():
        try:
            work()
        except _Stopped:
            continue
        raise CheckFailed(f"{name} was not stopped by what progress raised")


def sparsity_adds_up(make: Make, batches: Batches) -> None:
    """0 <= non_zero <= admitted <= seen; a share within [0, 1]; no weights without bytes. The same
    of each component, where it tells them apart, and their bytes are those of the whole."""
    learner = _taught(make, batches)
    parts = learner.sparsity_by_component()
    if parts and set(parts) != set(learner.components):
        raise CheckFailed(f"sparsity of {sorted(parts)}, components {learner.components}")
    whole = learner.sparsity()
    for sparsity in (whole, *parts.values()):
        _adds_up(sparsity)
    if parts and sum(part.deployed_bytes for part in parts.values()) != whole.deployed_bytes:
        raise CheckFailed(f"bytes of components are not those of the whole: {parts}, {whole}")


def _adds_up(sparsity: Sparsity) -> None:
    if not 0 <= sparsity.non_zero <= sparsity.admitted <= sparsity.seen:
        raise CheckFailed(f"counts contradict one another: {sparsity}")
    if not 0.0 <= sparsity.tiny_share <= 1.0 or (sparsity.deployed_bytes <= 0 < sparsity.non_zero):
        raise CheckFailed(f"no share, or weights without bytes: {sparsity}")


def batches_may_be_cut_anywhere(make: Make, batches: Batches) -> None:
    """The state depends on the samples and their order, not on how they came in batches."""
    cut = make()
    for batch in batches:
        third = batch.num_rows // 3
        for piece in (batch.slice(0, third), batch.slice(third, 1), batch.slice(third + 1)):
            cut.learn(piece)
    _same(_bytes(_taught(make, batches)), _bytes(cut), "cutting batches elsewhere")


def each_sample_is_predicted_before_it_is_learned(make: Make, batches: Batches) -> None:
    """The reported predictions are those of a learner that knows only the samples before."""
    learner, stepwise = make(), make()
    reported = learner.learn(batches[0]).predictions
    if reported is None:
        raise CheckFailed("a sequential learner reports progressive predictions")
    for i in range(batches[0].num_rows):
        sample = batches[0].slice(i, 1)
        if not np.isclose(stepwise.predict(sample)[0], reported[i], rtol=1e-9, atol=1e-12):
            raise CheckFailed(f"sample {i} was not predicted with what was known before it")
        stepwise.learn(sample)


ALL: tuple[Callable[[Make, Batches], None], ...] = (
    same_calls_give_the_same_bytes,
    a_loaded_learner_goes_on_alike,
    saving_leaves_later_learning_alone,
    predicting_changes_nothing,
    the_serving_form_predicts_the_same_bits,
    probabilities_are_finite,
    unseen_features_are_predicted,
    nulls_are_learned_and_predicted,
    an_empty_batch_changes_nothing,
    the_batch_is_not_kept,
    fit_forgets,
    reports_count_the_samples,
    progress_can_stop_it,
    sparsity_adds_up,
)
SEQUENTIAL: tuple[Callable[[Make, Batches], None], ...] = (
    batches_may_be_cut_anywhere,
    each_sample_is_predicted_before_it_is_learned,
)


def _taught(make: Make, batches: Batches) -> Learner:
    learner = make()
    for batch in batches:
        learner.learn(batch)
    return learner


def _bytes(learner: Learner) -> dict[str, bytes]:
    """The saved files by relative path."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        learner.save(root)
        files = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def _same(expected: dict[str, bytes], got: dict[str, bytes], after: str) -> None:
    names = expected.keys() | got.keys()
    differing = sorted(name for name in names if expected.get(name) != got.get(name))
    if differing or not expected:
        raise CheckFailed(f"{after}: saved files differ or are missing: {differing}")


def _same_array(expected: np.ndarray, got: np.ndarray, after: str) -> None:
    if not np.array_equal(expected, got):
        raise CheckFailed(f"{after} changes predictions")


def _probabilities(predictions: np.ndarray, rows: int) -> None:
    if predictions.shape != (rows,) or predictions.dtype != np.float64:
        raise CheckFailed(
            f"predictions must be ({rows},) float64, got {predictions.shape} {predictions.dtype}"
        )
    if not ((predictions >= 0.0) & (predictions <= 1.0)).all():
        raise CheckFailed("predictions must be finite and within [0, 1]")


def _with_columns(batch: pa.RecordBatch, change: Callable[[pa.Array], pa.Array]) -> pa.RecordBatch:
    kept = {LABEL, EVENT_TIME, WEIGHT}
    columns = [
        column if name in kept else change(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _unseen(column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type):
        return pa.array([-1e6 - i for i in range(len(column))], column.type)
    words = [f"never seen {i}" for i in range(len(column))]
    values = [[word] for word in words] if pa.types.is_list(column.type) else words
    return pa.array(values, column.type)


def _ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
