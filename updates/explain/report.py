"""The whole explanation of one version against another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from updates.explain.frame import Frame
from updates.explain.learned import Learned, learned
from updates.explain.movers import Movement, movement
from updates.explain.neighbours import Neighbours, neighbours
from updates.explain.ranking import RankingChange, ranking_change
from updates.explain.sentences import Numbers, sentences
from updates.explain.turnover import Turnover, born
from updates.explain.verdicts import Slice, slices
from updates.explain.worth import Worth, worth
from updates.learners.base import Learner

TRAFFIC = 20_000


@dataclass(frozen=True)
class Explanation:
    """See the parts' modules. turnover : born and died; None where a learner keeps no names."""

    frame: Frame
    numbers: Numbers
    learned: list[Learned]
    movement: Movement
    turnover: tuple[Turnover, Turnover] | None
    slices: list[Slice]
    ranking: RankingChange | None
    neighbours: list[Neighbours]
    worth: Worth

    def to_json(self) -> dict[str, Any]:
        """As stored and answered."""
        moved = self.movement
        return {
            "sentences": sentences(
                self.numbers,
                int(self.frame.news.sum()),
                learned=self.learned,
                movement=moved,
                turnover=self.turnover,
                ranking=self.ranking,
                neighbours=self.neighbours,
                worth=self.worth,
            ),
            "learned": [_flat(one, "column") for one in self.learned],
            "movers": [_flat(one) for one in moved.movers],
            "fields": [{"feature": name, "share": part} for name, part in moved.fields.items()],
            "mean_shift": moved.mean_shift,
            "attribution": moved.how,
            "born": self.turnover and _turnover(self.turnover[0]),
            "died": self.turnover and _turnover(self.turnover[1]),
            "slices": [_flat(one) for one in self.slices],
            "top_k": self.ranking and asdict(self.ranking),
            "neighbours": [
                {**asdict(one), "movers": [_flat(moved) for moved in one.movers]}
                for one in self.neighbours
            ],
            "worth": asdict(self.worth),
            "samples": {name: _range(self.frame, name) for name in ("before", "news", "since")},
        }


def explain(
    frame: Frame, numbers: Numbers, against: Learner, version: Learner, *, learned_on: bool
) -> Explanation:
    """All that can be said of the samples of the frame.

    Movement and rankings are those of live traffic around the update: the newest samples that one
    of the versions has learned. learned_on : whether neither version was trained anew since the
    other.
    """
    found = learned(frame)
    end = int(np.count_nonzero(~frame.since))
    live = frame.part(slice(max(0, end - min(TRAFFIC, version.explained_rows)), end))
    traffic = np.zeros(len(frame.offsets), bool)
    traffic[max(0, end - TRAFFIC) : end] = True
    turnover = None
    if against.tells_features and version.tells_features:
        turnover = born(against, version), born(version, against)
    return Explanation(
        frame=frame,
        numbers=numbers,
        learned=found,
        movement=movement(live, against, version),
        turnover=turnover,
        slices=slices(frame, traffic, [one.column for one in found if one.column is not None]),
        ranking=ranking_change(live, against, version),
        neighbours=neighbours(
            frame, live, against, version, lesser=numbers.lesser, learned_on=learned_on
        ),
        worth=worth(frame),
    )


def _flat(one: Learned | Slice | Any, *without: str) -> dict[str, Any]:
    """With the value's names beside the numbers."""
    fields = asdict(one)
    value = fields.pop("value")
    return {**value, **{name: found for name, found in fields.items() if name not in without}}


def _turnover(turnover: Turnover) -> dict[str, Any]:
    return {
        "count": turnover.count,
        "fields": [{"feature": name, "count": n} for name, n in turnover.fields.items()],
        "top": [{**asdict(value), "weight": weight} for value, weight in turnover.top],
    }


def _range(frame: Frame, name: str) -> dict[str, Any]:
    rows: np.ndarray = getattr(frame, name)
    offsets = frame.offsets[rows]
    return {
        "first_offset": int(offsets[0]) if len(offsets) else None,
        "last_offset": int(offsets[-1]) if len(offsets) else None,
        "samples": len(offsets),
        "labelled": int((rows & frame.known).sum()),
    }
