"""Rows of features: as hashed columns or as rates, and those that a model keeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa
from scipy import sparse

from updates.learners.rates import Rates
from updates.samples.encoder import Encoder
from updates.samples.schema import LABEL, WEIGHT, SampleSchema


class Rows(NamedTuple):
    """features : (n, k) CSR matrix or array. labels : (n,) int64, 0 or 1. weights : (n,) > 0."""

    features: Any
    labels: np.ndarray
    weights: np.ndarray


def rows_of(features: Any, batch: pa.RecordBatch) -> Rows:
    """The batch's rows without those of no weight, which teach nothing."""
    labels = np.asarray(batch.column(LABEL), np.float64).astype(np.int64)
    weights = np.asarray(batch.column(WEIGHT), np.float64)
    heavy = weights > 0.0
    return Rows(features[heavy], labels[heavy], weights[heavy])


class Features(Protocol):
    """From batches to matrices."""

    def look_up(self, batch: pa.RecordBatch) -> Any:
        """(n, k) features, by what has been counted so far."""

    def count(self, batch: pa.RecordBatch) -> Any:
        """(n, k) features, each row's by what came before it; the batch is counted."""

    def to_arrays(self) -> dict[str, np.ndarray]: ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None: ...

    @property
    def size(self) -> int:
        """Values that have a number of their own."""


class Hashed:
    """A column for each of ``n_features`` remainders of the encoder's keys, as in Weinberger et al.
    2009 (Feature Hashing for Large Scale Multitask Learning) but for its signs, as naive Bayes
    takes no negative counts. Values that fall into one column are added up. Nothing is counted."""

    def __init__(self, schema: SampleSchema, n_features: int) -> None:
        self.n_features = n_features
        self._encoder = Encoder(schema)

    def look_up(self, batch: pa.RecordBatch) -> sparse.csr_matrix:
        encoded = self._encoder.encode(batch)
        columns = (encoded.keys % np.uint64(self.n_features)).astype(np.int32)
        matrix = sparse.csr_matrix(
            (encoded.values.copy(), columns, encoded.indptr.astype(np.int32)),
            shape=(batch.num_rows, self.n_features),
        )
        matrix.sum_duplicates()
        return matrix

    count = look_up

    def to_arrays(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """There is nothing to restore."""

    @property
    def size(self) -> int:
        return 0


class Rated:
    """The historical rates of values, and the numbers as they are (``updates.learners.rates``).

    nulls : whether a number that is null stays NaN; else it is 0.
    """

    def __init__(self, schema: SampleSchema, smoothing: float, nulls: bool) -> None:
        self._rates = Rates(schema, smoothing)
        self._nulls = nulls

    def look_up(self, batch: pa.RecordBatch) -> np.ndarray:
        return self._filled(self._rates.look_up(batch))

    def count(self, batch: pa.RecordBatch) -> np.ndarray:
        return self._filled(self._rates.count(batch))

    def _filled(self, matrix: np.ndarray) -> np.ndarray:
        return matrix if self._nulls else np.nan_to_num(matrix, copy=False, nan=0.0)

    def to_arrays(self) -> dict[str, np.ndarray]:
        return self._rates.to_arrays()

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raises ValueError if they are of another schema."""
        self._rates.restore(dict(arrays))

    @property
    def size(self) -> int:
        return self._rates.size


class Kept:
    """The newest rows, at most ``most`` of them, to be fitted on again."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._pieces: deque[Rows] = deque()
        self._count = 0

    def add(self, rows: Rows) -> None:
        """Keep these, and of the older ones as many as there is room for."""
        if not len(rows.labels):
            return
        self._pieces.append(rows)
        self._count += len(rows.labels)
        while self._count - len(self._pieces[0].labels) >= self.most:
            self._count -= len(self._pieces.popleft().labels)

    @property
    def rows(self) -> Rows | None:
        """All that are kept, in order; None where there are none."""
        if not self._pieces:
            return None
        features, labels, weights = zip(*self._pieces, strict=True)
        start = max(0, self._count - self.most)
        together = (
            sparse.vstack(features, format="csr")
            if sparse.issparse(features[0])
            else np.concatenate(features)
        )
        return Rows(
            together[start:], np.concatenate(labels)[start:], np.concatenate(weights)[start:]
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The same arrays whatever pieces the rows came in."""
        rows = self.rows
        if rows is None:
            return {}
        beside = {"labels": rows.labels.astype(np.uint8), "weights": rows.weights}
        if not sparse.issparse(rows.features):
            return {**beside, "features": np.ascontiguousarray(rows.features)}
        matrix = rows.features
        return {
            **beside,
            "indptr": matrix.indptr.astype(np.int64),
            "indices": matrix.indices.astype(np.int32),
            "values": matrix.data,
            "columns": np.array([matrix.shape[1]], np.int64),
        }

    @classmethod
    def from_arrays(cls, most: int, arrays: Mapping[str, np.ndarray]) -> Self:
        """What ``to_arrays`` gave."""
        kept = cls(most)
        if arrays:
            kept.add(Rows(_matrix(arrays), arrays["labels"].astype(np.int64), arrays["weights"]))
        return kept


def _matrix(arrays: Mapping[str, np.ndarray]) -> Any:
    if "features" in arrays:
        return arrays["features"]
    shape = (len(arrays["labels"]), int(arrays["columns"][0]))
    return sparse.csr_matrix(
        (arrays["values"], arrays["indices"], arrays["indptr"].astype(np.int32)), shape=shape
    )
