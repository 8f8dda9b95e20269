"""Sketches of every feature of a batch of samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.drift.compare import Sketch
from monitoring.drift.numbers import NumberSketch
from monitoring.drift.values import ValueSketch
from updates.samples.lists import Lists
from updates.samples.schema import LABEL, SampleSchema


def sketch_batch(batch: pa.RecordBatch, schema: SampleSchema) -> dict[str, Sketch]:
    """Sketches by feature, and of the label under its name, whose values are "0" and "1".

    Where predictions are logged, features may be logged of a share of them only: rows that have
    none but user and item are not said to miss the others.
    """
    labels = pc.if_else(pc.greater(batch.column(LABEL), 0.5), "1", "0")
    found: dict[str, Sketch] = {LABEL: ValueSketch.of(labels)}
    for name in schema.single_valued:
        if name not in schema.categorical:
            found[name] = ValueSketch.of(batch.column(name))
    if schema.prediction:
        batch = _with_features(batch, schema)
    for name in schema.categorical:
        found[name] = ValueSketch.of(batch.column(name))
    for name in schema.numeric:
        numbers = batch.column(name).fill_null(np.nan)
        found[name] = NumberSketch.of(np.asarray(numbers, np.float64))
    for name in schema.multivalued:
        lists = Lists.of(batch.column(name))
        empty = int((lists.lengths == 0).sum())
        found[name] = ValueSketch.of(lists.values, missing=empty)
    return found


def _with_features(batch: pa.RecordBatch, schema: SampleSchema) -> pa.RecordBatch:
    names = (*schema.categorical, *schema.numeric, *schema.multivalued)
    told = np.zeros(batch.num_rows, bool)
    for name in names:
        told |= np.asarray(batch.column(name).is_valid())
    return batch.filter(pa.array(told))


def merge_into(sketches: dict[str, Sketch], others: Mapping[str, Sketch]) -> None:
    """Take other rows in; a feature that has become of another kind begins anew."""
    for name, other in others.items():
        match sketches.get(name), other:
            case (NumberSketch() as known, NumberSketch()):
                known.merge(other)
            case (ValueSketch() as known, ValueSketch()):
                known.merge(other)
            case _:
                sketches[name] = other
