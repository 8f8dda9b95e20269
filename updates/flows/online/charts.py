"""Whether something has got worse, looked at again and again: Page's CUSUM of surprises.

Each look adds how far beyond its limit a measure was, as a standard normal score, less ALLOWANCE;
the sum never falls below 0 (Page 1954). It is said to be worse once the sum reaches a height that
is chosen by how seldom that may happen by chance: with the truth at the limit, the mean number of
looks until then is (e^{2kb} − 2kb − 1) / 2k², k the allowance, b = height + 1.166 (Siegmund 1985,
§ II.6). So many looks are accounted for, however much later something gets worse. No Django.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# A measure that lies one standard error beyond its limit adds nothing.
ALLOWANCE = 1.0
# Most that one look counts for: none is enough alone, as tails are not exact so far out.
MOST = 5.0
# What a measure without sampling error counts for beyond its limit: three looks in a row.
NOISELESS = 4.0
# Of the discrete walk that overshoots: 2 · 0.583.
OVERSHOOT = 1.166


def height(charts: int, looks: float) -> float:
    """What a chart must reach, so that of so many charts in so many looks one does by chance."""
    mean_looks, b = charts * looks, OVERSHOOT
    for _ in range(50):
        b = math.log(2 * ALLOWANCE**2 * mean_looks + 1 + 2 * ALLOWANCE * b) / (2 * ALLOWANCE)
    return b - OVERSHOOT


@dataclass
class Chart:
    """One measure.

    value : the sum, at most ``height``, so that what has long been worse can be better soon.
    first_offset : of the look that it began to rise with. looks : since then.
    """

    height: float
    value: float = 0.0
    first_offset: int = 0
    looks: int = 0

    def step(self, surprise: float, first_offset: int) -> None:
        """Count a look whose first sample has that offset."""
        if not self.value:
            self.first_offset, self.looks = first_offset, 0
        scored = max(-MOST, min(MOST, surprise))
        self.value = min(self.height, max(0.0, self.value + scored - ALLOWANCE))
        self.looks += 1

    @property
    def worse(self) -> bool:
        """Whether it has reached its height."""
        return self.value >= self.height
