"""Whose nearest neighbours have changed among the vectors of a field's values.

Near is what has a large cosine. Cosines do not change where a whole space is turned, so that
versions whose axes have nothing in common are compared as well as those that share them: within
each the cosines of a value to all others are taken, and these are compared. How far a value has
moved is the root mean square of their changes. (A space that is stretched as well does differ.)

Neighbours change by chance, too. How many, is measured where one version learned on from the other,
by a parametric bootstrap (Efron & Tibshirani 1993, §6.5): the version that has learned less learns
the news with labels drawn from its own predictions, which hold nothing that it did not expect.
Where nothing has changed an update moves as many neighbours as that; docs/explanation.md has how
nearly, and how many change where a version is trained anew. It is said what lies where, not why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.explain.frame import Frame
from updates.explain.values import Value
from updates.learners.base import Learner
from updates.samples.schema import LABEL

PLACES = 10
# Neighbours are looked for among so many values, those that come most often, for the first of them.
AMONG, OF = 2_000, 200
# Of fewer values the ten nearest are a good part of all.
LEAST_AMONG = 50
MOST, NAMED = 10, 3

MEASURED = (
    "If nothing had changed: version {lesser} beside itself after the {samples:,} samples of news, "
    "their labels drawn from what it predicts."
)
NOT_MEASURED = "How many change by chance is not measured here: {why}."
TRAINED_ANEW = "one of the versions was trained anew, which changes neighbours in any case"
TOO_MANY = "more samples were learned than are looked at"


@dataclass(frozen=True)
class Moved:
    """One value whose neighbours are not all the same. frequency : share of the samples that have
    it. moved : root mean square of the changes of its cosines. kept : share of its nearest
    neighbours that are still among them. gained, lost : values that are among them in one version
    only, the nearest first.
    """

    value: Value
    frequency: float
    moved: float
    kept: float
    gained: list[str]
    lost: list[str]


@dataclass(frozen=True)
class Neighbours:
    """Of the values of a field that both versions have a vector of.

    places, of, among : the ``places`` nearest among so many values, for the ``of`` that come most
        often. kept : share of those that are the same in both versions. by_chance : what share is
        where nothing has changed; None where that is not measured, ``how`` says why. movers : by
        frequency × moved, the largest first.
    """

    feature: str
    places: int
    of: int
    among: int
    kept: float
    by_chance: float | None
    how: str
    movers: list[Moved]


def neighbours(
    frame: Frame,
    traffic: Frame,
    against: Learner,
    version: Learner,
    *,
    lesser: int,
    learned_on: bool,
) -> list[Neighbours]:
    """Of each field that both versions have vectors of, in the order of ``version``; users are left
    out, and fields of which too few values come.

    traffic : the part of the frame by which values are counted. lesser : the number of the version
    that has learned less. learned_on : whether neither was trained anew since the other.
    """
    pair = against, version
    fields = [name for name in version.embedded_fields if name in against.embedded_fields]
    chosen = [_Values.of(traffic, name, pair) for name in fields if name != frame.schema.user]
    enough = [values for values in chosen if len(values.columns) >= LEAST_AMONG]
    if not enough:
        return []
    why, news = "", int(frame.news.sum())
    if not learned_on:
        why = TRAINED_ANEW
    elif frame.first_since - frame.first_news > news:
        why = TOO_MANY
    if why:
        how = NOT_MEASURED.format(why=why)
        return [_neighbours(traffic, values, pair, None, how) for values in enough]
    older = version if frame.reverse else against
    chance = older, unsurprised(older, frame.table.filter(pa.array(frame.news)))
    how = MEASURED.format(lesser=lesser, samples=news)
    return [_neighbours(traffic, values, pair, chance, how) for values in enough]


def unsurprised(learner: Learner, samples: pa.Table) -> Learner:
    """What learning these samples would have made of it, had their labels been as it expects."""
    rng, after = np.random.default_rng(1), learner.snapshot()
    for batch in samples.combine_chunks().to_batches():
        expected = learner.predict(batch)
        labels = pa.array(rng.random(len(expected)) < expected).cast(pa.float32())
        place = batch.schema.get_field_index(LABEL)
        after.learn(batch.set_column(place, batch.schema.field(place), labels))
    return after


@dataclass(frozen=True)
class _Values:
    """The values of a field that come most often and that both versions know, as (n,) columns of a
    frame, and how many samples have each."""

    feature: str
    columns: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, frame: Frame, feature: str, pair: Sequence[Learner]) -> _Values:
        columns = np.flatnonzero(np.array(frame.features) == feature)
        known = np.ones(len(columns), bool)
        for learner in pair:
            known &= ~np.isnan(learner.vectors_of(frame.keys[columns])).any(axis=1)
        columns = columns[known]
        counts = np.asarray((frame.amounts[:, columns] != 0).sum(axis=0)).ravel()
        order = np.argsort(-counts, kind="stable")[:AMONG]
        return cls(feature, columns[order], counts[order])


def _neighbours(
    frame: Frame,
    values: _Values,
    pair: Sequence[Learner],
    by_chance: Sequence[Learner] | None,
    how: str,
) -> Neighbours:
    keys = frame.keys[values.columns]
    change = Change.between(*(learner.vectors_of(keys) for learner in pair))
    kept, named = change.kept, frame.describe(values.columns)
    frequencies = values.counts[: len(kept)] / len(frame.offsets)
    order = np.argsort(-change.moved * frequencies, kind="stable")
    movers = [
        Moved(
            named[row],
            float(frequencies[row]),
            float(change.moved[row]),
            float(kept[row]),
            [named[other].value for other in change.gained(row)],
            [named[other].value for other in change.lost(row)],
        )
        for row in order[kept[order] < 1][:MOST]
    ]
    chance = None
    if by_chance:
        chance = float(Change.between(*(one.vectors_of(keys) for one in by_chance)).kept.mean())
    return Neighbours(
        values.feature, PLACES, len(kept), len(keys), float(kept.mean()), chance, how, movers
    )


@dataclass(frozen=True)
class Change:
    """Of m values, to all n, of which they are the first.

    then, now : (m, n) cosines in either version, −inf of a value to itself. near_then, near_now :
        (m, n) whether one is among the nearest. moved : (m,) root mean square of the changes.
    """

    then: np.ndarray
    now: np.ndarray
    near_then: np.ndarray
    near_now: np.ndarray
    moved: np.ndarray

    @classmethod
    def between(cls, then: np.ndarray, now: np.ndarray) -> Change:
        """Two lists of vectors of the same n values, (n, d) each; d may differ."""
        before, after = _cosines(then), _cosines(now)
        moved = np.sqrt(np.mean((after - before) ** 2, axis=1))
        for cosines in (before, after):
            np.fill_diagonal(cosines, -np.inf)
        return cls(before, after, _nearest(before), _nearest(after), moved)

    @property
    def kept(self) -> np.ndarray:
        """(m,) share of the nearest that are the same."""
        return np.asarray((self.near_then & self.near_now).sum(axis=1) / PLACES)

    def gained(self, row: int) -> np.ndarray:
        """Those that are near now only, the nearest first."""
        return _foremost(self.now[row], self.near_now[row] & ~self.near_then[row])

    def lost(self, row: int) -> np.ndarray:
        """Those that were near then only, the nearest first."""
        return _foremost(self.then[row], self.near_then[row] & ~self.near_now[row])


def _cosines(vectors: np.ndarray) -> np.ndarray:
    """A vector of zeros has no direction, and cosine 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1.0)
    return np.asarray(units[:OF] @ units.T, np.float64)


def _nearest(cosines: np.ndarray) -> np.ndarray:
    """Of equally near ones those that come more often."""
    near = np.zeros(cosines.shape, bool)
    first = np.argsort(-cosines, axis=1, kind="stable")[:, :PLACES]
    np.put_along_axis(near, first, True, axis=1)
    return near


def _foremost(cosines: np.ndarray, among: np.ndarray) -> np.ndarray:
    found = np.flatnonzero(among)
    return np.asarray(found[np.argsort(-cosines[found], kind="stable")][:NAMED])
