"""How long a model takes to follow a flash event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BEFORE_HOURS = 6.0
LONGEST_HOURS = 24.0
# A smaller rise of the regret is not told from chance: nothing was lost that could be regained.
LEAST_JUMP = 0.03
# One measurement may be low by chance: so many in a row decide by their mean.
IN_A_ROW = 3


class Recovery(NamedTuple):
    """jump : rise of the regret at once, above the mean of the six hours before. hours : until half
    of it was gone; None while it is not, or where there was hardly any."""

    jump: float
    hours: float | None


def recovery(
    hours: Sequence[float], regrets: Sequence[float], flash_hour: float
) -> Recovery | None:
    """Of n regrets measured at these simulated hours, rising; None without one on either side.

    What the event itself has cooled down counts as recovered too: a model that learns nothing
    recovers in the time that the event takes to pass.
    """
    at, regret = np.asarray(hours, float), np.asarray(regrets, float)
    before = regret[(at >= flash_hour - BEFORE_HOURS) & (at < flash_hour)]
    since = (at >= flash_hour) & (at <= flash_hour + LONGEST_HOURS)
    if not len(before) or not since.any():
        return None
    level, after = before.mean(), regret[since]
    jump = float(after[0] - level)
    means = np.convolve(after, np.full(IN_A_ROW, 1 / IN_A_ROW), "full")[IN_A_ROW - 1 : len(after)]
    back = np.flatnonzero(means <= level + jump / 2)
    if jump < LEAST_JUMP or not len(back):
        return Recovery(jump, None)
    return Recovery(jump, float(at[since][back[0]] - flash_hour))
