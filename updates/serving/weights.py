"""A model in memory that deltas bring on while requests predict with it. Imports no Django.

Predictions share the model, a delta has it alone: so no request sees half of one, and what is said
of the weights moves with them. A second copy, brought on beside the first and swapped, would spare
requests the wait, at twice the memory and twice the work. The wait is for one delta: the keys that
were learned in one ``sync_interval_ms``, whose taking over is a fraction of that interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from updates.learners.base import Learner
from updates.samples.batches import from_ms
from updates.serving.deltas import Sent

T = TypeVar("T")


class Gate:
    """Many share, or one is alone.

    Who wants to be alone waits for those inside and holds up those who come later; they go in
    before the next one is alone, so that a hundred deltas in a row hold a request up once.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._held_up = 0
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Inside together with others."""
        with self._changed:
            if self._closed:
                self._held_up += 1
                self._changed.wait_for(lambda: not self._closed)
                self._held_up -= 1
                self._changed.notify_all()
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                if self._closed:
                    self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside with nobody else."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._closed or self._held_up))
            self._closed = True
            self._changed.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()


@dataclass(frozen=True)
class Learned:
    """The last offset and the newest event time that some weights have learned.

    behind : the same of components that have learned less.
    """

    offset: int
    watermark: datetime | None
    behind: Mapping[str, Learned] = field(default_factory=dict)

    def age_seconds(self, now: datetime) -> float | None:
        """Now − watermark; None of what has learned nothing."""
        return (now - self.watermark).total_seconds() if self.watermark else None

    def component_ages(self, names: Sequence[str], now: datetime) -> dict[str, float | None]:
        """The ages of these components."""
        return {name: self.behind.get(name, self).age_seconds(now) for name in names}


class Weights:
    """A learner in its serving form, with how far it has learned.

    offset : last offset learned. watermark : newest event time learned. sequence : number of the
    newest delta applied, None before the first. behind : what components have learned that have
    learned less; ``stays`` names those that no delta brings on. One thread applies.
    """

    def __init__(
        self,
        learner: Learner,
        offset: int,
        watermark: datetime | None,
        behind: Mapping[str, Learned] | None = None,
        stays: Collection[str] = (),
    ) -> None:
        self.learner = learner
        self.offset = offset
        self.watermark = watermark
        self.behind = behind or {}
        self.stays = stays
        self.sequence: int | None = None
        self._gate = Gate()

    def read(self, question: Callable[[Learner], T]) -> tuple[T, Learned]:
        """What one state of the weights answers, and what that has learned. No delta is applied
        meanwhile: ask nothing that waits."""
        with self._gate.shared():
            return question(self.learner), Learned(self.offset, self.watermark, self.behind)

    def offset_of(self, component: str) -> int:
        """The last offset that a component has learned; ask for it in a ``read``."""
        known = self.behind.get(component)
        return self.offset if known is None else known.offset

    def apply(self, sent: Sent) -> None:
        """Come to where the delta ends. Raises ValueError where it leaves out what is missing here,
        and what the learner raises for one that it cannot read."""
        if not sent.since <= self.offset < sent.offset:
            raise ValueError(
                f"a delta of offsets {sent.since + 1} to {sent.offset} does not go on from "
                f"{self.offset}"
            )
        watermark = from_ms(sent.watermark_ms)
        with self._gate.alone():
            self.learner.apply(sent.payload)
            self.offset, self.sequence = sent.offset, sent.sequence
            self.behind = {name: self.behind[name] for name in self.stays if name in self.behind}
            self.watermark = max(self.watermark or watermark, watermark)
