"""Recorded event times mapped onto the present. No Django, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.samples.schema import EVENT_TIME, TIMESTAMP


@dataclass(frozen=True)
class TimeMap:
    """The recorded moment ``recorded_ms`` happens at ``present_ms``; time runs ``speed`` × as fast.

    All times are epoch milliseconds, UTC. At speed 360 a recorded day passes in four minutes, so
    that ages, lags and cadences mean what they say, only smaller.
    """

    recorded_ms: int
    present_ms: int
    speed: float

    def to_present(self, times: np.ndarray) -> np.ndarray:
        """(n,) present milliseconds of (n,) recorded ones; keeps their order."""
        passed = np.floor((times - self.recorded_ms) / self.speed)
        return self.present_ms + passed.astype(np.int64)

    def to_recorded(self, present_ms: int) -> int:
        """The recorded moment that happens at a present one."""
        return self.recorded_ms + int((present_ms - self.present_ms) * self.speed)

    def move(self, samples: pa.Table) -> pa.Table:
        """The samples with their event times in the present."""
        index = samples.schema.get_field_index(EVENT_TIME)
        moved = pa.array(self.to_present(event_times_ms(samples))).cast(TIMESTAMP)
        return samples.set_column(index, samples.schema.field(index), moved)


def event_times_ms(samples: pa.Table) -> np.ndarray:
    """(n,) int64 epoch milliseconds of the samples' event times."""
    times: np.ndarray = pc.cast(samples.column(EVENT_TIME), pa.int64()).to_numpy()
    return times
