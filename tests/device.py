"""A user's device as tests play it: what the server knows, and a queue learned on top of that."""

from __future__ import annotations

import itertools
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from updates.learners.factors.client import user_step

# ``call(method, path, body)`` below the recommender's address, to (status, JSON).
Call = Callable[[str, str, Any], tuple[int, Any]]


class Device:
    """One device of one user, of a recommender of ``factors`` with the logistic loss."""

    ids = itertools.count()

    def __init__(self, call: Call, user: str, name: str = "phone") -> None:
        self.call, self.user, self.name = call, user, name
        self.queue: list[dict[str, Any]] = []
        _, self.base = call("GET", f"users/{user}/embedding", None)

    def interact(self, item: str, label: int, at: datetime | None = None) -> str:
        """The user does something; the device learns it at once. Returns its id."""
        known = f"{self.name}-{next(self.ids)}"
        moment = (at or datetime.now(UTC)).isoformat()
        self.queue.append({"id": known, "item": item, "label": label, "event_time": moment})
        return known

    @property
    def vector(self) -> tuple[np.ndarray, float]:
        """What the server knew and all that is queued."""
        user = np.array(self.base["vector"], np.float32), self.base["bias"]
        if not self.queue:
            return user
        items = [one["item"] for one in self.queue]
        vectors, biases = self.items(items)
        labels = np.array([one["label"] for one in self.queue], float)
        learning = self.base["learning"]
        weights, steps = np.ones(len(labels)), (learning["rate"], learning["l2"])
        return user_step(*user, vectors, biases, labels, weights, *steps)

    def items(self, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors and biases, row by row."""
        query = "&".join(f"item={name}" for name in dict.fromkeys(names))
        _, found = self.call("GET", f"items/vectors?{query}", None)
        rows = np.frombuffer(b64decode(found["vectors"]), "<f4").reshape(-1, found["dim"])
        vectors = dict(zip(found["items"], rows, strict=True))
        biases = dict(zip(found["items"], found["biases"], strict=True))
        nothing = np.zeros(found["dim"], np.float32)
        return (
            np.array([vectors.get(name, nothing) for name in names]),
            np.array([biases.get(name, found["unknown_bias"]) for name in names]),
        )

    def body(self, **changes: Any) -> dict[str, Any]:
        """What it would send now."""
        vector, bias = self.vector
        began = {name: self.base[name] for name in ("space_id", "revision", "offset")}
        sent = {"vector": vector.tolist(), "bias": bias, "interactions": list(self.queue)}
        return began | sent | changes

    def send(self, **changes: Any) -> tuple[int, Any]:
        """Send all; where it was taken, go on from the answer."""
        status, answer = self.call("PUT", f"users/{self.user}/embedding", self.body(**changes))
        if settled := answer.get("present") or ("vector" in answer and answer):
            self.base, self.queue = settled, []
        return status, answer
