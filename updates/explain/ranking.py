"""How much of the first K places changed hands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.explain.frame import Frame
from updates.learners.base import Learner, RecommendUnsupported

PLACES, CONTEXTS, CANDIDATES = 10, 50, 100
RECOMMENDED = "The items recommended to {contexts} users of the newest samples."
RANKED = (
    "The {candidates} items that came most often, ranked for {contexts} of the newest samples: "
    "each as it was, with the item and the fields that follow from it ({fields}) exchanged."
)


@dataclass(frozen=True)
class RankingChange:
    """changed : share of the first ``places`` that the version gives to other items, mean
    over contexts. how : in a sentence."""

    places: int
    contexts: int
    changed: float
    how: str


def ranking_change(frame: Frame, against: Learner, version: Learner) -> RankingChange | None:
    """On the newest contexts of the frame; None where the schema has no item, or too few came."""
    item = frame.schema.item
    if item is None:
        return None
    if frame.schema.user is not None:
        users = _newest_distinct(frame.table.column(frame.schema.user))
        try:
            return _recommended(users, against, version)
        except RecommendUnsupported:
            pass
    return _ranked(frame, item, against, version)


def _recommended(users: list[str], against: Learner, version: Learner) -> RankingChange | None:
    lists = [
        [set(learner.recommend(user, PLACES).items) for learner in (against, version)]
        for user in users
    ]
    changes = [1 - len(then & now) / len(now) for then, now in lists if now]
    if not changes:
        return None
    how = RECOMMENDED.format(contexts=len(changes))
    return RankingChange(PLACES, len(changes), float(np.mean(changes)), how)


def _newest_distinct(column: pa.ChunkedArray) -> list[str]:
    names = column.drop_null().to_pylist()[::-1]
    return list(dict.fromkeys(names))[:CONTEXTS]


def _ranked(frame: Frame, item: str, against: Learner, version: Learner) -> RankingChange | None:
    table = frame.table.select(frame.schema.arrow.names)
    examples = _frequent(table.column(item))
    if len(examples) < 2 * PLACES:
        return None
    fields = _of_the_item(table, frame)
    contexts = np.arange(max(0, table.num_rows - CONTEXTS), table.num_rows)
    rows = table.take(pa.array(np.repeat(contexts, len(examples))))
    exchanged = table.take(pa.array(np.tile(examples, len(contexts))))
    for name in [item, *fields]:
        rows = rows.set_column(rows.schema.get_field_index(name), name, exchanged.column(name))
    [batch] = rows.cast(frame.schema.arrow).combine_chunks().to_batches()
    shape = len(contexts), len(examples)
    first = [
        np.argsort(-learner.predict(batch).reshape(shape), axis=1, kind="stable")[:, :PLACES]
        for learner in (against, version)
    ]
    kept = np.mean([len(np.intersect1d(*lists)) for lists in zip(*first, strict=True)])
    how = RANKED.format(
        candidates=len(examples), contexts=len(contexts), fields=", ".join(fields) or "none"
    )
    return RankingChange(PLACES, len(contexts), float(1 - kept / PLACES), how)


def _frequent(column: pa.ChunkedArray) -> np.ndarray:
    """The newest rows of the items that came most often, one each."""
    names = column.combine_chunks().dictionary_encode()
    codes = names.indices.fill_null(-1).to_numpy()
    newest = np.full(len(names.dictionary), -1)
    newest[codes[codes >= 0]] = np.flatnonzero(codes >= 0)
    counts = np.bincount(codes[codes >= 0], minlength=len(newest))
    chosen: np.ndarray = newest[np.argsort(-counts, kind="stable")[:CANDIDATES]]
    return chosen


def _of_the_item(table: pa.Table, frame: Frame) -> list[str]:
    """Fields that are the same wherever an item comes, and not wherever a user does."""
    schema = frame.schema
    others = [name for name in schema.arrow.names[3:] if name not in (schema.item, schema.user)]
    return [
        name
        for name in others
        if _follows(table, schema.item, name) and not _follows(table, schema.user, name)
    ]


def _follows(table: pa.Table, key: str | None, name: str) -> bool:
    """Whether rows with the same key have the same value."""
    if key is None:
        return False
    column = table.column(name)
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, "\x1f")
    pairs = pa.table({"key": table.column(key), "value": column})
    distinct = pairs.group_by(["key", "value"]).aggregate([])
    return bool(distinct.num_rows == len(pc.unique(table.column(key))))
