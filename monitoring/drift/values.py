"""What the values of one categorical feature were: the frequent ones, and a sample of all."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pyarrow as pa
from datasketches import frequent_items_error_type, frequent_strings_sketch

from monitoring.drift.hashed_counts import HashedCounts
from updates.samples.hashing import hash_strings

# Up to 768 distinct values are counted exactly; beyond, counts are off by 0.35 % of the rows.
LG_MAP = 10
SEED = np.uint64(0)
_HEAD = struct.Struct("<qqI")


class ValueSketch:
    """Counts of values in bounded room.

    present : values met; a multi-valued row has any number. missing : rows without one.
    counted : exact counts of a sample of the values by hash.
    """

    kind = "value"

    def __init__(self) -> None:
        self._frequent = frequent_strings_sketch(LG_MAP)
        self.counted = HashedCounts(np.empty(0, np.uint64), np.empty(0, np.int64))
        self.present = self.missing = 0

    @classmethod
    def of(cls, values: pa.StringArray, missing: int = 0) -> ValueSketch:
        """The sketch of (n,) strings; nulls are missing, beside those said to be."""
        sketch = cls()
        counted = values.drop_null().value_counts()
        texts, counts = counted.field("values"), np.asarray(counted.field("counts"))
        for text, count in zip(texts.to_pylist(), counts.tolist(), strict=True):
            sketch._frequent.update(text, count)
        sketch.counted = HashedCounts.of(hash_strings(texts, SEED), counts)
        sketch.present = int(counts.sum())
        sketch.missing = missing + values.null_count
        return sketch

    @property
    def rows(self) -> int:
        """Values, and rows without one."""
        return self.present + self.missing

    @property
    def effective_rows(self) -> float:
        """As of NumberSketch; frequent values are counted exactly enough."""
        return float(self.rows)

    def merge(self, other: ValueSketch) -> None:
        """Take the other's rows in too."""
        self._frequent.merge(other._frequent)
        self.counted = self.counted.merged(other.counted)
        self.present += other.present
        self.missing += other.missing

    def frequent(self) -> dict[str, int]:
        """Counts of the values that are frequent for certain, most frequent first."""
        found = self._frequent.get_frequent_items(frequent_items_error_type.NO_FALSE_POSITIVES)
        ranked = sorted(found, key=lambda item: (-item[1], item[0]))
        return {text: estimate for text, estimate, _, _ in ranked}

    @property
    def error(self) -> float:
        """By which share of the rows counts may be off; 0 while all values are tracked."""
        met = self._frequent.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
        return (met[0][3] - met[0][2]) / self.present if met else 0.0

    def count(self, value: str) -> int:
        """How often a value was met, as estimated; 0 where it is not tracked."""
        return int(self._frequent.get_estimate(value))

    def bounds(self, value: str) -> tuple[int, int]:
        """At least and at most how often a value was met."""
        return (
            int(self._frequent.get_lower_bound(value)),
            int(self._frequent.get_upper_bound(value)),
        )

    def to_bytes(self) -> bytes:
        """Its bytes; ``from_bytes`` reads them."""
        counted = self.counted.to_bytes()
        body = _HEAD.pack(self.present, self.missing, len(counted)) + counted
        return zlib.compress(body + bytes(self._frequent.serialize()), level=1)

    @classmethod
    def from_bytes(cls, data: bytes) -> ValueSketch:
        """The sketch whose bytes these are."""
        body = zlib.decompress(data)
        sketch = cls()
        sketch.present, sketch.missing, size = _HEAD.unpack_from(body)
        end = _HEAD.size + size
        sketch.counted = HashedCounts.from_bytes(body[_HEAD.size : end])
        sketch._frequent = frequent_strings_sketch.deserialize(body[end:])
        return sketch
