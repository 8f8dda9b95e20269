"""What ``factors`` reads of a batch: who, what, whether, and how much it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.samples.hashing import field_seed, hash_strings
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema


@dataclass(frozen=True)
class Columns:
    """n samples. users, items : (n,) uint64 keys as the encoder gives them, 0 where there is none.
    labels, weights : (n,) float64. names : (n,) the items' ids.
    times : (n,) int64, epoch milliseconds."""

    users: np.ndarray
    items: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    names: pa.StringArray
    times: np.ndarray

    @property
    def first(self) -> bytes:
        """The first sample."""
        parts = (self.users, self.items, self.labels, self.weights, self.times)
        return b"".join(part[:1].tobytes() for part in parts)

    @classmethod
    def of(cls, schema: SampleSchema, batch: pa.RecordBatch) -> Columns:
        """Of one batch with the columns of ``schema.arrow``, which has a user and an item."""
        names = batch.column(str(schema.item))
        return cls(
            keys_of(str(schema.user), batch.column(str(schema.user))),
            keys_of(str(schema.item), names),
            np.array(batch.column(LABEL), np.float64),
            np.array(batch.column(WEIGHT), np.float64),
            names,
            np.array(batch.column(EVENT_TIME).view(pa.int64()), np.int64),
        )


def keys_of(field: str, ids: pa.StringArray) -> np.ndarray:
    """(n,) uint64 keys of a field's values; 0 for null."""
    return hash_strings(ids, field_seed(field))
