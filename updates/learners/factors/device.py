"""``factors`` as devices need it: one user's steps beside items that stand still.

One step is u −= rate·(slope·v + w·l2·u) with |slope| ≤ w, for a pair with v of the one item − v of
the other. So an interaction moves u by no more than rate·w·(‖v‖ + l2·‖u‖), and beyond
‖u‖ = max‖v‖ / l2, where l2 pulls as hard as the longest v can push, nothing leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from updates.learners.device import DeviceSide, Interaction, ItemVectors, UserVector
from updates.learners.factors.batches import keys_of
from updates.learners.factors.client import user_step, user_step_pairs
from updates.learners.factors.items import Items
from updates.learners.factors.loops import INTERCEPT, Interactions, Parameters, predict_all
from updates.learners.factors.recommend import as_names
from updates.learners.factors.settings import BPR
from updates.learners.factors.side import Side
from updates.learners.factors.steps import MOST_PARTS, MOST_STEP


class FactorsOnDevice(DeviceSide):
    """A view of a ``Factors`` learner, as long as that does not change.

    fields : names of the user's and of the item's field.
    """

    def __init__(
        self, users: Side, items: Items, fields: tuple[str, str], settings: Mapping[str, Any]
    ) -> None:
        self._users, self._items = users, items
        self._user_field, self._item_field = fields
        self._dim, self._pairs = settings["dim"], settings["loss"] == BPR
        self._loss, self._rate, self._l2 = settings["loss"], settings["user_rate"], settings["l2"]

    @property
    def space_id(self) -> str:
        return self._items.space_id

    @property
    def learning(self) -> dict[str, str | float]:
        return {"loss": self._loss, "rate": self._rate, "l2": self._l2, "dim": self._dim}

    def user(self, name: str) -> UserVector:
        values = rows_of(self._users, self._user_field, [name])[0]
        return UserVector(values[:-1], float(values[-1]))

    def items(self, names: Sequence[str]) -> ItemVectors:
        wanted = list(dict.fromkeys(names))
        rows = self._items.side.find(keys_of(self._item_field, as_names(wanted)))
        found = self._items.side.rows[rows[rows >= 0]]
        known = [wanted[n] for n in np.flatnonzero(rows >= 0)]
        return ItemVectors(known, *self._as_steps_take(found), self._intercept)

    def probabilities(self, user: UserVector, interactions: Sequence[Interaction]) -> np.ndarray:
        names = as_names([one.item for one in interactions])
        items = self._items.side.find(keys_of(self._item_field, names))
        unread = np.zeros(len(items))
        rows = Interactions(np.zeros(len(items), np.int64), items, unread > 0, unread, unread)
        known = Parameters(
            np.append(*user).astype(np.float32)[np.newaxis],
            self._items.side.vectors.values,
            self._items.squares,
            self._items.shared,
        )
        return predict_all(rows, known)

    def steps(self, user: UserVector, interactions: Sequence[Interaction]) -> list[UserVector]:
        learn = self._learn_pair if self._pairs else self._learn_one
        way, met = [user], self._met(interactions)
        for n, one in enumerate(interactions):
            way.append(learn(way[-1], one, *(part[n : n + 1] for part in met)))
        return way

    def _learn_one(
        self, user: UserVector, one: Interaction, vector: np.ndarray, bias: np.ndarray, *_: Any
    ) -> UserVector:
        label, weight = np.array([one.label], float), np.array([one.weight], float)
        return UserVector(*user_step(*user, vector, bias, label, weight, self._rate, self._l2))

    def _learn_pair(
        self,
        user: UserVector,
        one: Interaction,
        *met: np.ndarray,
    ) -> UserVector:
        """Only what was liked, and over what, says anything of the user."""
        if one.over is None or one.label <= 0.5:
            return user
        weight = np.array([one.weight], float)
        preferred, others = (met[0], met[1]), (met[2], met[3])
        vector = user_step_pairs(user.vector, preferred, others, weight, self._rate, self._l2)
        return user._replace(vector=vector)

    def reach(self, user: UserVector, interactions: Sequence[Interaction]) -> float:
        vectors, _, others, _ = self._met(interactions)
        lengths = np.linalg.norm(vectors - others if self._pairs else vectors, axis=1)
        weights = np.array([one.weight for one in interactions], float)
        steps = np.minimum(self._rate * weights, MOST_STEP * MOST_PARTS)
        # With a bias, whose feature is 1.
        return float(steps @ (np.hypot(lengths, 1.0) + self._l2 * user.norm))

    def furthest(self, user: UserVector, steps: int) -> float:
        step = min(self._rate, MOST_STEP * MOST_PARTS)
        return float(steps * step * (np.hypot(self._push, 1.0) + self._l2 * user.norm))

    @property
    def longest(self) -> float:
        return self._push / float(self._l2) if self._l2 else float("inf")

    @cached_property
    def _push(self) -> float:
        """The longest that an interaction can have to learn from; looks through all items."""
        longest = float(np.linalg.norm(self._items.side.rows[:, :-1], axis=1).max(initial=0.0))
        return 2 * longest if self._pairs else longest

    @property
    def _intercept(self) -> float:
        return float(self._items.shared[INTERCEPT])

    def _met(self, interactions: Sequence[Interaction]) -> tuple[np.ndarray, ...]:
        """Vectors (n, dim) and biases (n,) of the items, and of those passed over."""
        names = [one.item for one in interactions], [one.over or "" for one in interactions]
        sides = [rows_of(self._items.side, self._item_field, part) for part in names]
        return (*self._as_steps_take(sides[0]), *self._as_steps_take(sides[1]))

    def _as_steps_take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        biases = rows[:, -1].astype(np.float64) + self._intercept
        return np.ascontiguousarray(rows[:, :-1]), biases


def rows_of(side: Side, field: str, names: Sequence[str]) -> np.ndarray:
    """(n, dim + 1) float32; zeros of those that are not known."""
    rows = side.find(keys_of(field, as_names(names)))
    found = np.zeros((len(rows), side.rows.shape[1]), np.float32)
    found[rows >= 0] = side.rows[rows[rows >= 0]]
    return found
