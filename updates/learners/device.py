"""What a learner must offer for its users' vectors to be refreshed on their devices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interaction(NamedTuple):
    """What a user did with an item, as a device learns it.

    over : the item that was passed over for it, which losses of pairs need; None of others.
    """

    item: str
    label: float
    weight: float = 1.0
    over: str | None = None


class UserVector(NamedTuple):
    """vector : (dim,) float32. bias : a float32's value. Zeros for a user that is not known."""

    vector: np.ndarray
    bias: float

    @property
    def norm(self) -> float:
        """Euclidean length of the vector."""
        return float(np.linalg.norm(self.vector.astype(np.float64)))

    def distance(self, other: UserVector) -> float:
        """Euclidean, of vectors and biases as one."""
        vectors = np.linalg.norm(self.vector.astype(np.float64) - other.vector)
        return float(np.hypot(vectors, self.bias - other.bias))


class ItemVectors(NamedTuple):
    """names : of the m items that are known. vectors : (m, dim) float32. biases : (m,) float64, as
    steps take them. unknown_bias : the bias of an item that is not known, whose vector is 0."""

    names: list[str]
    vectors: np.ndarray
    biases: np.ndarray
    unknown_bias: float


class DeviceSide(ABC):
    """A user learns while items stand still, by nothing but that user's interactions and the
    vectors of the items in them. Nothing here changes the learner."""

    @property
    @abstractmethod
    def space_id(self) -> str:
        """Which geometry of items; "" before anything is learned."""

    @property
    @abstractmethod
    def learning(self) -> dict[str, str | float]:
        """What a device must know to take the same steps: loss, rate, l2, dim."""

    @abstractmethod
    def user(self, name: str) -> UserVector:
        """What the learner knows of a user."""

    @abstractmethod
    def items(self, names: Sequence[str]) -> ItemVectors:
        """The vectors of those of the items that are known, each once, in the order given."""

    @abstractmethod
    def probabilities(self, user: UserVector, interactions: Sequence[Interaction]) -> np.ndarray:
        """(n,) probabilities of label 1 that the vector gives to the items."""

    @abstractmethod
    def steps(self, user: UserVector, interactions: Sequence[Interaction]) -> list[UserVector]:
        """The user before the first of n interactions and after each, learned in order: n + 1."""

    @abstractmethod
    def reach(self, user: UserVector, interactions: Sequence[Interaction]) -> float:
        """How far (Euclidean) these interactions can move the vector at most."""

    @abstractmethod
    def furthest(self, user: UserVector, steps: int) -> float:
        """As ``reach``, of so many interactions of weight 1 with whatever items."""

    @property
    @abstractmethod
    def longest(self) -> float:
        """The norm that no interactions whatsoever bring a vector beyond; inf where l2 is 0."""
