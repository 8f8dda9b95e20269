"""Arrow's columns of lists as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Lists:
    """A multi-valued column of n rows: row r holds values[starts[r] : stops[r]].

    values : (any,) Arrow strings. starts, stops : (n,) int32; a null row is empty.
    """

    values: pa.StringArray
    starts: np.ndarray
    stops: np.ndarray

    @classmethod
    def of(cls, column: pa.ListArray) -> Lists:
        """Read a column, which may be a slice, without copying its values."""
        offsets = np.asarray(column.offsets)
        starts, stops = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
        if column.null_count:
            stops = np.where(column.is_valid(), stops, starts)
        return cls(column.values.slice(offsets[0], offsets[-1] - offsets[0]), starts, stops)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) number of values a row."""
        lengths: np.ndarray = self.stops - self.starts
        return lengths
