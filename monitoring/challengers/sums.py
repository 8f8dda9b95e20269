"""Sums of a paired comparison: of any number of samples in bounded room, to be added up at will.

Samples of one user may err together, in whatever hour they come. Users fall into 128 groups by
their hash, and a group is a cluster: whatever is added up, all of a user's samples are in one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa

from updates.metrics import (
    MIN_OF_EACH_LABEL,
    MIN_SAMPLES,
    LossDifference,
    difference_of_groups,
    entropy,
    losses,
)
from updates.samples.batches import OFFSET
from updates.samples.hashing import hash_strings

GROUPS = 128
SEED = np.uint64(0)


def groups_of(samples: pa.Table, user: str | None) -> np.ndarray:
    """(n,) group of each sample's user, 0 to 127; without users each sample is one of its own."""
    if user is None:
        return samples.column(OFFSET).to_numpy() % GROUPS
    users = [hash_strings(part, SEED) for part in samples.column(user).chunks]
    # The hash's low bits choose slots of tables elsewhere; any bits do here.
    return (np.concatenate(users) % np.uint64(GROUPS)).astype(np.int64)


def _nothing() -> np.ndarray:
    return np.zeros(GROUPS)


@dataclass(frozen=True)
class Sums:
    """Over samples that both sides have predicted.

    champion_loss, challenger_loss : weighted sums of log losses in nats. differences, weights :
    (128,) by group, of the challenger's less the champion's losses, weighted, and of the weights.
    """

    samples: int = 0
    positives: int = 0
    weight: float = 0.0
    clicks: float = 0.0
    champion_loss: float = 0.0
    challenger_loss: float = 0.0
    differences: np.ndarray = field(default_factory=_nothing)
    weights: np.ndarray = field(default_factory=_nothing)

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        champion: np.ndarray,
        challenger: np.ndarray,
        weights: np.ndarray,
        groups: np.ndarray,
    ) -> Self:
        """Of (n,) labels in {0, 1}, predictions, weights and groups."""
        theirs, ours = losses(labels, champion), losses(labels, challenger)
        return cls(
            samples=len(labels),
            positives=int((labels > 0.5).sum()),
            weight=float(weights.sum()),
            clicks=float(np.dot(labels, weights)),
            champion_loss=float(np.dot(theirs, weights)),
            challenger_loss=float(np.dot(ours, weights)),
            differences=np.bincount(groups, (ours - theirs) * weights, GROUPS),
            weights=np.bincount(groups, weights, GROUPS),
        )

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """Of all together."""
        total = cls()
        for part in parts:
            total = total.plus(part)
        return total

    def plus(self, other: Self, times: int = 1) -> Self:
        """With the other's, so many times: −1 takes back what it counted."""
        return type(self)(
            *(getattr(self, name) + times * getattr(other, name) for name in self.__match_args__)
        )

    @property
    def judgeable(self) -> bool:
        """Whether the samples are enough for a verdict."""
        rarer = min(self.positives, self.samples - self.positives)
        return self.samples >= MIN_SAMPLES and rarer >= MIN_OF_EACH_LABEL and self.weight > 0

    @property
    def champion_ne(self) -> float | None:
        """None where NE is not defined."""
        return self._ne(self.champion_loss)

    @property
    def challenger_ne(self) -> float | None:
        """None where NE is not defined."""
        return self._ne(self.challenger_loss)

    def _ne(self, loss: float) -> float | None:
        background = entropy(self.clicks / self.weight) if self.weight > 0 else 0.0
        return loss / self.weight / background if background else None

    @property
    def difference(self) -> LossDifference:
        """The challenger's mean loss less the champion's, and its noise."""
        mean_label = self.clicks / self.weight if self.weight > 0 else 0.0
        return difference_of_groups(self.differences, self.weights, mean_label)
