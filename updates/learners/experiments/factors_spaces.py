"""What becomes of users' vectors when a new fit changes the space of items.

Some users are on devices: the server has never learned their samples, and each device has learned
its user's vector by the first half of them, beside the items of the server's first fit. Then the
server fits anew, over all samples of the other users. How good is, in the new space, what the
device has: measured on the second half, which nobody learns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.factors.client import user_step_pairs
from updates.learners.factors.learner import Factors
from updates.learners.factors.settings import BPR
from updates.learners.factors.space import Interacted, fold_in, rotation
from updates.metrics import quality
from updates.samples.schema import LABEL, SampleSchema

K = 10
ON_DEVICES = 0.2
FITTED_FIRST = 0.6
DRAWS = (11, 12, 13, 14, 15)
SCHEMA = SampleSchema(user="user", item="item")
User = tuple[np.ndarray, float]


@dataclass(frozen=True)
class Space:
    """The items of a fit: vectors (m, dim), biases (m,) with the intercept, places by name."""

    vectors: np.ndarray
    biases: np.ndarray
    places: dict[str, int]
    settings: Mapping[str, Any]
    mean_user: User

    @classmethod
    def fitted(cls, table: pa.Table, options: Mapping[str, Any]) -> Space:
        """By a full fit."""
        learner = Factors(SCHEMA, options)
        learner.fit(table.to_batches())
        users = [learner.user(name) for name in table["user"].unique().to_pylist()]
        vectors, biases = zip(*users, strict=True)
        return cls(
            learner.item_vectors.copy(),
            learner.item_biases,
            {name: place for place, name in enumerate(learner.item_names.to_pylist())},
            learner.settings,
            (np.mean(vectors, axis=0), float(np.mean(biases))),
        )

    def fold_in(self, rows: Sequence[tuple[str, float]]) -> User:
        """The user who did this: each interaction is learned once, as the loss wants."""
        known = [(self.places[item], label) for item, label in rows if item in self.places]
        numbers = np.array(known, np.float64).reshape(-1, 2)
        places, labels = numbers[:, 0].astype(np.int64), numbers[:, 1].copy()
        rate, l2 = self.settings["user_rate"], self.settings["l2"]
        if self.settings["loss"] != BPR:
            done = Interacted(places, labels, np.ones(len(labels)))
            return fold_in((self.vectors, self.biases), done, rate, l2)
        liked = places[labels > 0.5]
        others = np.random.default_rng(len(places)).integers(len(self.biases), size=len(liked))
        preferred, other = ((self.vectors[at], self.biases[at]) for at in (liked, others))
        nothing = np.zeros(self.vectors.shape[1], np.float32)
        return user_step_pairs(nothing, preferred, other, np.ones(len(liked)), rate, l2), 0.0


@dataclass(frozen=True)
class Device:
    """What one user did, in order: item and label. first, second : halves."""

    first: list[tuple[str, float]]
    second: list[tuple[str, float]]


def devices(table: pa.Table, names: np.ndarray) -> list[Device]:
    """One for each of these users."""
    rows: dict[str, list[tuple[str, float]]] = {name: [] for name in names}
    columns = (table[name].to_pylist() for name in ("user", "item", LABEL))
    for user, item, label in zip(*columns, strict=True):
        if user in rows:
            rows[user].append((item, label))
    return [Device(done[: len(done) // 2], done[len(done) // 2 :]) for done in rows.values()]


def ways(old: Space, new: Space) -> Iterator[tuple[str, Callable[[Device], User]]]:
    """How a device's vector may come into the new space."""
    shared = [name for name in old.places if name in new.places]
    turn = rotation(
        old.vectors[[old.places[name] for name in shared]],
        new.vectors[[new.places[name] for name in shared]],
    )

    def turned(device: Device) -> User:
        vector, bias = old.fold_in(device.first)
        return (vector @ turn).astype(np.float32), bias

    yield "dropped: the mean of all users", lambda device: new.mean_user
    yield "dropped: an unknown user, 0", lambda device: (np.zeros(turn.shape[0]), 0.0)
    yield "kept as it was", lambda device: old.fold_in(device.first)
    yield "rebased by Procrustes", turned
    yield "folded in from its interactions", lambda device: new.fold_in(device.first)


def judged(users: list[tuple[Device, User]], space: Space) -> tuple[float, float]:
    """NE of the second halves, and HR@10: of their liked items, the share that scored higher than
    all but nine of the items that the user never met."""
    labels, logits, hits = [], [], []
    for device, (vector, bias) in users:
        scores = space.vectors @ vector + space.biases + bias
        met = [space.places[i] for i, _ in device.first + device.second if i in space.places]
        others = np.sort(np.delete(scores, met))[::-1]
        for item, label in device.second:
            if item in space.places:
                score = scores[space.places[item]]
                labels.append(label)
                logits.append(score)
                if label > 0.5:
                    hits.append(score > others[K - 1])
    found = quality(np.array(labels), 1 / (1 + np.exp(-np.array(logits))))
    return float(found.ne or np.nan), float(np.mean(hits))


def one_draw(
    table: pa.Table, options: Mapping[str, Any], draw: int, seed: int
) -> dict[str, tuple[float, float]]:
    """NE and hit rate by way, for one draw of who is on a device and one seed of the new fit."""
    users = np.array(table["user"].unique().to_pylist())
    random = np.random.default_rng(draw)
    away = random.choice(users, int(ON_DEVICES * len(users)), replace=False)
    known = table.filter(pa.array(~np.isin(table["user"].to_numpy(zero_copy_only=False), away)))
    old = Space.fitted(known.slice(0, int(FITTED_FIRST * len(known))), {**options, "seed": 1})
    new = Space.fitted(known, {**options, "seed": seed})
    everyone = devices(table, away)
    return {
        name: judged([(device, way(device)) for device in everyone], new)
        for name, way in ways(old, new)
    }


def print_spaces(table: pa.Table, options: Mapping[str, Any], draws: Sequence[int] = DRAWS) -> None:
    """Markdown: means over draws, and in how many a way was the best of all, by NE and hit rate.

    BPR's scores are no log-odds: they have no NE.
    """
    table = table.select(SCHEMA.arrow.names)
    for seed, which in ((1, "the same seed"), (2, "another seed")):
        found = [one_draw(table, options, draw, seed) for draw in draws]
        print(f"\n**{options['loss']}, new fit with {which}**\n")
        print(f"| the user's vector | NE | best of {len(draws)} | HR@{K} | best of {len(draws)} |")
        print("|---|---:|---:|---:|---:|")
        numbers = np.array([list(draw.values()) for draw in found])
        least, most = numbers[:, :, 0].argmin(axis=1), numbers[:, :, 1].argmax(axis=1)
        for at, name in enumerate(found[0]):
            ne, hit_rate = numbers[:, at].mean(axis=0)
            by_ne = f"{ne:.4f} | {np.count_nonzero(least == at)}"
            cells = " | " if options["loss"] == BPR else by_ne
            won = np.count_nonzero(most == at)
            print(f"| {name} | {cells} | {hit_rate:.4f} | {won} |", flush=True)
