"""What a user's vector is worth that is refreshed on the device: the tables of docs/factors.md.

    python -m updates.learners.experiments.client

ML-100k in time order. Four fifths are learned; then the server learns on, items and users, hourly,
daily, weekly or never. Each interaction of the last fifth is predicted, and if it was liked looked
for among the ten best of the items that the user has not rated yet: by the user's vector as of the
server's last update, and by the same vector after ``user_step`` over the interactions that the user
has had since, beside items as they were at that update.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.experiments.factors import IDS, SETTINGS, SHARE_BEFORE, K
from updates.learners.factors.client import user_step, user_step_pairs
from updates.learners.factors.learner import Factors
from updates.learners.factors.settings import BPR
from updates.metrics import entropy, losses
from updates.samples.schema import EVENT_TIME, LABEL
from updates.samples.sources.ml_100k import MovieLens100K

HOUR = 3_600.0
CADENCES = {"hourly": HOUR, "daily": 24 * HOUR, "weekly": 168 * HOUR, "never": np.inf}
BIAS = "hourly, the device refreshes the bias alone"
# Of a user's interactions, counted from the first one ever.
PERIODS = {"1st to 10th": (0, 10), "11th to 50th": (10, 50), "51st and later": (50, np.inf)}
RESAMPLES, CONFIDENCE = 2_000, 95
User = tuple[np.ndarray, float]


class Device:
    """Users' vectors as their devices have them: the server's, and what came after learned on it.

    A pair of BPR is a liked item and one drawn among those that the server knows.

    since : by user, interactions since the server's last update.
    """

    def __init__(self, server: Factors) -> None:
        self._server = server
        self._fresh: dict[str, User] = {}
        self.since: Counter[str] = Counter()
        self._random = np.random.default_rng(1)
        self._steps = server.settings["user_rate"], server.settings["l2"]

    def fetch(self) -> None:
        """The server has been updated."""
        self._fresh, self.since = {}, Counter()

    def user(self, name: str) -> User:
        """As refreshed since."""
        return self._fresh.get(name) or self._server.user(name)

    def take(self, name: str, item: str, label: float) -> None:
        """The user has had an interaction."""
        self.since[name] += 1
        vector, bias = self.user(name)
        preferred, one = _row(self._server.item(item)), np.ones(1)
        if self._server.settings["loss"] != BPR:
            self._fresh[name] = user_step(
                vector, bias, *preferred, np.array([label]), one, *self._steps
            )
        elif label > 0.5:
            drawn = int(self._random.integers(len(self._server.item_names)))
            other = _row(self._server.item(self._server.item_names[drawn].as_py()))
            vector = user_step_pairs(vector, preferred, other, one, *self._steps)
            self._fresh[name] = vector, bias


def _row(item: User) -> tuple[np.ndarray, np.ndarray]:
    return item[0][np.newaxis], np.array([item[1]])


@dataclass(frozen=True)
class Record:
    """n interactions. users : (n,) who. labels : (n,). before : (n,) how many the user had had in
    all; since : (n,) and since the server's last update. logits, hits : (n, 2) of the server's
    vector and of the device's; hits are 0 of what was not liked."""

    users: np.ndarray
    labels: np.ndarray
    before: np.ndarray
    since: np.ndarray
    logits: np.ndarray
    hits: np.ndarray

    def where(self, chosen: np.ndarray) -> Record:
        """Some of them: (n,) bool."""
        return Record(*(part[chosen] for part in vars(self).values()))


def replay(
    table: pa.Table, options: Mapping[str, Any], seconds: float, *, vectors: bool = True
) -> Record:
    """The last fifth, the server being updated at each multiple of so many seconds.

    vectors : whether the device refreshes all of its user, or the bias alone.
    """
    table = table.combine_chunks()
    cut = int(SHARE_BEFORE * len(table))
    server = Factors(IDS, options)
    server.fit(table.slice(0, cut).to_batches())
    device = Device(server)
    met: defaultdict[str, set[str]] = defaultdict(set)
    columns = (table[name].to_pylist() for name in ("user", "item", LABEL))
    periods = _times(table) // seconds
    rows, learned = [], cut
    for n, (user, item, label) in enumerate(zip(*columns, strict=True)):
        if n > cut and periods[n] > periods[n - 1]:
            server.learn(table.slice(learned, n - learned).to_batches()[0])
            device.fetch()
            learned = n
        if n >= cut:
            known, fresh = server.user(user), device.user(user)
            ways = known, fresh if vectors else (known[0], fresh[1])
            both = [judged(server, at, item, met[user]) for at in ways]
            counts = len(met[user]), device.since[user]
            rows.append((user, label, *counts, *zip(*both, strict=True)))
            device.take(user, item, label)
        met[user].add(item)
    users, labels, before, since, logits, hits = map(np.array, zip(*rows, strict=True))
    return Record(users, labels, before, since, logits, hits * labels[:, np.newaxis])


def _times(table: pa.Table) -> np.ndarray:
    """(n,) seconds."""
    times: np.ndarray = table[EVENT_TIME].to_numpy().astype("datetime64[ms]").astype(np.int64)
    return times / 1e3


def judged(server: Factors, at: User, item: str, met: set[str]) -> tuple[float, bool]:
    """Score of the item by a user's vector, and whether it is among the best that were not met."""
    (vector, bias), (beside, offset) = at, server.item(item)
    found = server.recommend("", K, met, at=at, repeats=True)
    return float(vector.astype(np.float64) @ beside + bias + offset), item in found.items


@dataclass(frozen=True)
class Measure:
    """Of a record: the server's vector, the device's, and a bootstrap interval of the difference
    (device − server) in which users are drawn with all that is theirs."""

    server: float
    device: float
    least: float
    most: float

    def __str__(self) -> str:
        difference = f"{self.device - self.server:+.4f} ({self.least:+.4f} to {self.most:+.4f})"
        return f"{self.server:.4f} | {self.device:.4f} | {difference}"


def measures(record: Record) -> tuple[Measure, Measure]:
    """NE, and HR@10: of the liked items, the share that was among the best."""
    labels = record.labels[:, np.newaxis]
    lost = losses(labels, 1.0 / (1.0 + np.exp(-record.logits)))
    columns = np.column_stack([np.ones(len(labels)), labels, lost, record.hits])
    _, who = np.unique(record.users, return_inverse=True)
    by_user = np.zeros((who.max() + 1, columns.shape[1]))
    np.add.at(by_user, who, columns)
    whole, random = _rates(by_user.sum(axis=0)), np.random.default_rng(1)
    drawn = random.integers(len(by_user), size=(RESAMPLES, len(by_user)))
    again = np.array([_rates(by_user[users].sum(axis=0)) for users in drawn])
    tails = (100 - CONFIDENCE) / 2
    bounds = np.percentile(again[..., 1] - again[..., 0], [tails, 100 - tails], axis=0)
    ne, hit_rate = (Measure(*pair, *bound) for pair, bound in zip(whole, bounds.T, strict=True))
    return ne, hit_rate


def _rates(sums: np.ndarray) -> np.ndarray:
    """(2, 2) NE and hit rate, of server and device."""
    count, liked = sums[:2]
    return np.array([sums[2:4] / count / entropy(liked / count), sums[4:6] / liked])


def tables(table: pa.Table, loss: str) -> str:
    """Markdown: a row a cadence, then one a period of users' lives with hourly updates."""
    options = {"loss": loss, **SETTINGS[loss, 1]}
    records = {name: replay(table, options, seconds) for name, seconds in CADENCES.items()}
    hourly = records["hourly"]
    if loss != BPR:  # in which the bias of the user cancels out
        records[BIAS] = replay(table, options, HOUR, vectors=False)
    lives = {
        name: hourly.where((hourly.before >= begin) & (hourly.before < end))
        for name, (begin, end) in PERIODS.items()
    }
    parts = {"server's updates": records, "hourly: a user's interactions": lives}
    return "\n\n".join(_markdown(title, rows, loss) for title, rows in parts.items())


def _markdown(title: str, records: Mapping[str, Record], loss: str) -> str:
    """BPR's scores are no log-odds: they have no NE."""
    names = [f"HR@{K}"] if loss == BPR else ["NE", f"HR@{K}"]
    heads = "".join(f" {name}, server's | device's | difference |" for name in names)
    lines = [f"| {title} | stale |{heads}", f"|---|---:|{'---:|' * 3 * len(names)}"]
    for name, record in records.items():
        cells = map(str, measures(record)[-len(names) :])
        lines.append(f"| {name} | {np.mean(record.since > 0):.1%} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables of both losses; stale : interactions whose user has had another one since
    the server's last update."""
    table = pa.Table.from_batches(list(MovieLens100K(IDS)))
    for loss in ("logistic", BPR):
        print(f"\n**{loss}**\n\n{tables(table, loss)}", flush=True)


if __name__ == "__main__":
    main()
