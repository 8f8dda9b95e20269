"""The samples that an explanation looks at, as both versions predict them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from scipy import sparse

from updates.explain.values import Value, described
from updates.samples.encoder import Encoded, Encoder
from updates.samples.schema import SampleSchema

CLIP = 1e-9


@dataclass(frozen=True)
class Frame:
    """n samples in the order of the log: what ``version`` says of them and what ``against`` does.

    table : columns of ``schema.arrow`` and whatever more. offsets : (n,) int64.
    first_news, first_since : samples from the first on were learned by one version alone, from the
        second on by neither; those before both had.
    labels : (n,) 0.0 or 1.0, NaN where the label is not final. weights : (n,).
    version, against : (n,) probabilities.
    reverse : whether it is ``against`` that has learned more.
    """

    schema: SampleSchema
    table: pa.Table
    offsets: np.ndarray
    first_news: int
    first_since: int
    labels: np.ndarray
    weights: np.ndarray
    against: np.ndarray
    version: np.ndarray
    reverse: bool = False

    @cached_property
    def encoded(self) -> Encoded:
        """The samples' values."""
        return Encoder(self.schema).encode(self.table)

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """First positions of the distinct values among the encoded keys, and the code of each."""
        _, firsts, codes = np.unique(self.encoded.keys, return_index=True, return_inverse=True)
        return firsts, codes

    @cached_property
    def amounts(self) -> sparse.csr_matrix:
        """(n, v) how much of each distinct value a sample has: 1, or a number itself."""
        return self.spread(self.encoded.values)

    def spread(self, amounts: np.ndarray) -> sparse.csr_matrix:
        """(n, v) of something that is known by position among the encoded keys."""
        firsts, codes = self._distinct
        shape = len(self.offsets), len(firsts)
        return sparse.csr_matrix((amounts, codes, self.encoded.indptr), shape=shape)

    @property
    def keys(self) -> np.ndarray:
        """(v,) uint64 the encoder's key of each column."""
        found: np.ndarray = self.encoded.keys[self._distinct[0]]
        return found

    @cached_property
    def features(self) -> list[str]:
        """(v,) the feature that each column belongs to."""
        names: list[str] = self.encoded.names(self._distinct[0])[0].to_pylist()
        return names

    @cached_property
    def numeric(self) -> np.ndarray:
        """(v,) whether a column is a number, not a value that a sample has or has not."""
        return np.isin(self.features, self.schema.numeric)

    def describe(self, columns: np.ndarray) -> list[Value]:
        """The values that some columns stand for."""
        return described(self.encoded, self._distinct[0][columns], self.schema)

    def part(self, rows: slice) -> Frame:
        """Some of the samples, as a frame of their own."""
        arrays = {
            name: getattr(self, name)[rows]
            for name in ("offsets", "labels", "weights", "against", "version")
        }
        start, stop, _ = rows.indices(len(self.offsets))
        return replace(self, table=self.table.slice(start, stop - start), **arrays)

    @cached_property
    def known(self) -> np.ndarray:
        """(n,) whether the label is final."""
        return np.asarray(~np.isnan(self.labels))

    @cached_property
    def before(self) -> np.ndarray:
        """(n,) whether a sample came before what only one version learned."""
        return np.asarray(self.offsets < self.first_news)

    @cached_property
    def news(self) -> np.ndarray:
        """(n,) whether only the version that has learned more learned it."""
        return np.asarray(~self.before & ~self.since)

    @cached_property
    def since(self) -> np.ndarray:
        """(n,) whether neither version learned it."""
        return np.asarray(self.offsets >= self.first_since)

    @cached_property
    def shift(self) -> np.ndarray:
        """(n,) log-odds of the version less those of the one it is held against."""
        return np.asarray(log_odds(self.version) - log_odds(self.against))

    @cached_property
    def users(self) -> np.ndarray:
        """(n,) int64 whose samples they are, numbered; each its own where no user is known."""
        own = np.arange(len(self.offsets))
        if self.schema.user is None:
            return own
        names = self.table.column(self.schema.user).combine_chunks().dictionary_encode()
        codes = names.indices.fill_null(-1).to_numpy().astype(np.int64)
        return np.where(codes < 0, len(names.dictionary) + own, codes)

    @property
    def expected(self) -> np.ndarray:
        """(n,) what the version expects that has learned less."""
        return self.version if self.reverse else self.against


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """ln(p / (1 − p)), finite."""
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    found: np.ndarray = np.log(p) - np.log1p(-p)
    return found
