"""Impressions as the joiner keeps them, and the samples that they become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.samples.batches import conform
from updates.samples.hashing import cross_key, field_seed, hash_strings
from updates.samples.ipc import from_ipc
from updates.samples.jit import kernel
from updates.samples.lists import Lists
from updates.samples.schema import EVENT_TIME, IMPRESSION, LABEL, TIMESTAMP, WEIGHT

# A client's clock may be ahead of the server's by so much without being counted as skewed.
SKEW_TOLERATED_MS = 1_000
# What stands for a null among the bits of numbers: a NaN, which no checked number is.
NULL_BITS = np.uint64(0x7FF8_0000_0000_0001)


def row_digests(batch: pa.RecordBatch) -> np.ndarray:
    """(n,) uint64 digests of all that a row says but its impression's id and its label.

    Equal rows have equal digests; two different rows share one by an accident of 2⁻⁶⁴.
    """
    digests = np.zeros(batch.num_rows, np.uint64)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in (IMPRESSION, LABEL):
            continue
        seed = field_seed(name)
        if pa.types.is_list(column.type):
            lists = Lists.of(column)
            values = hash_strings(lists.values, seed)
            _fold_lists(digests, lists.starts, lists.stops, values, seed)
        else:
            keys = hash_strings(column, seed) if column.type == pa.string() else _bits(column)
            _fold(digests, keys, seed)
    return digests


def _bits(column: pa.Array) -> np.ndarray:
    if column.type == TIMESTAMP:
        return column.cast(pa.int64()).to_numpy(zero_copy_only=False).view(np.uint64)
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    # −0 and 0 are the same number.
    bits = (values + 0.0).view(np.uint64)
    return np.where(np.asarray(column.is_null()), NULL_BITS, bits)


@kernel
def _fold(digests: np.ndarray, keys: np.ndarray, seed: np.uint64) -> None:
    for row in range(len(digests)):
        digests[row] = cross_key(digests[row], keys[row], seed)


@kernel
def _fold_lists(
    digests: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    values: np.ndarray,
    seed: np.uint64,
) -> None:
    for row in range(len(digests)):
        for position in range(starts[row], stops[row]):
            digests[row] = cross_key(digests[row], values[position], seed)
        length = np.uint64(stops[row] - starts[row])
        digests[row] = cross_key(digests[row], length, seed)


def not_after(batch: pa.RecordBatch, arrived_at_ms: int) -> tuple[pa.RecordBatch, int]:
    """The impressions with event times of at most their arrival, and how many were far ahead.

    Nothing is shown after the server has heard of it: a later time is an error of the client's
    clock, and would make a model look fresher than it is.
    """
    times = event_times_ms(batch)
    ahead = int(np.count_nonzero(times > arrived_at_ms + SKEW_TOLERATED_MS))
    position = batch.schema.get_field_index(EVENT_TIME)
    clamped = pa.array(np.minimum(times, arrived_at_ms)).view(TIMESTAMP)
    return batch.set_column(position, batch.schema.field(position), clamped), ahead


def event_times_ms(batch: pa.RecordBatch) -> np.ndarray:
    """(n,) int64 event times in epoch milliseconds."""
    return batch.column(EVENT_TIME).cast(pa.int64()).to_numpy()


def shown(payload: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """A stored batch of impressions as samples with label 0, in the columns of ``schema``."""
    return conform(from_ipc(payload), schema)


def labelled(
    impressions: pa.RecordBatch, left_out: Iterable[int], positives: Iterable[int]
) -> pa.RecordBatch:
    """The samples that a batch becomes when its window ends.

    left_out : rows that were refused or sent before. positives : rows that got positive feedback.
    """
    labels = np.zeros(impressions.num_rows, np.float32)
    labels[np.fromiter(positives, np.int64)] = 1
    kept = np.ones(impressions.num_rows, bool)
    kept[np.fromiter(left_out, np.int64)] = False
    return _with_labels(impressions, labels).filter(pa.array(kept))


def negatives_sampled(samples: pa.RecordBatch, ids: Sequence[str], rate: float) -> pa.RecordBatch:
    """The samples less a share 1 − ``rate`` of the negatives; those that stay weigh 1 / rate.

    ids : of the impressions that the samples were; they decide, so that the same stay whoever
    joins, and whenever.
    """
    if rate >= 1:
        return samples
    keys = hash_strings(pa.array(ids, pa.string()), field_seed(IMPRESSION))
    positive = samples.column(LABEL).to_numpy() > 0.5
    weights = samples.column(WEIGHT).to_numpy()
    position = samples.schema.get_field_index(WEIGHT)
    weighted = pa.array(np.where(positive, weights, weights / rate).astype(np.float32))
    kept = pa.array(positive | (keys < rate * 2.0**64))
    return samples.set_column(position, samples.schema.field(position), weighted).filter(kept)


def positives_of(impressions: pa.RecordBatch, rows: np.ndarray) -> pa.RecordBatch:
    """Those rows once more, with label 1."""
    taken = impressions.take(pa.array(rows))
    return _with_labels(taken, np.ones(len(rows), np.float32))


def _with_labels(batch: pa.RecordBatch, labels: np.ndarray) -> pa.RecordBatch:
    position = batch.schema.get_field_index(LABEL)
    return batch.set_column(position, batch.schema.field(position), pa.array(labels))


def impressions_of(samples: pa.Table | pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """(n,) which of the samples are impressions, and (n,) float64 labels that these have by now.

    For a log with fake negatives: every impression is a negative in it, and one that turns out
    positive is repeated with its true label. The repetition is no impression of its own; where it
    repeats one of the samples, that is a positive.
    """
    digests = row_digests(samples)
    positive = samples.column(LABEL).to_numpy() > 0.5
    wanted, counts = np.unique(digests[positive], return_counts=True)
    place = np.searchsorted(wanted, digests)
    known = place < len(wanted)
    known[known] = wanted[place[known]] == digests[known]
    candidates = np.flatnonzero(known & ~positive)
    candidates = candidates[np.argsort(place[candidates], kind="stable")]
    groups = place[candidates]
    # Rows that equal each other are told apart by nothing: as many are positive as positives came.
    rank = np.arange(len(groups)) - np.searchsorted(groups, groups)
    labels = np.zeros(len(positive))
    labels[candidates[rank < counts[groups]]] = 1
    return ~positive, labels


def label_letters(feedback: pa.RecordBatch) -> bytes:
    """One byte a row of feedback: “1” or “0”."""
    labels = pc.greater(feedback.column(LABEL), 0.5)
    return np.where(np.asarray(labels), ord("1"), ord("0")).astype(np.uint8).tobytes()
