"""How long labels take: a histogram of delays in buckets that grow by a fourth root of two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

# Bucket 0 holds delays below a second, bucket b from 1 on those of [2^((b−1)/4), 2^(b/4)) seconds:
# a delay is known to within 19 %. Half a year falls into bucket 96.
BUCKETS_AN_OCTAVE = 4
# Labels count as there when so many of them are expected to be.
MATURE_SHARE = 0.95
# With fewer labels the share that is still to come is not told from a curve.
LEAST_LABELS = 200


def upper_seconds(bucket: int) -> float:
    """What the delays of a bucket lie below."""
    return float(2 ** (bucket / BUCKETS_AN_OCTAVE))


def lower_seconds(bucket: int) -> float:
    """What the delays of a bucket are at least."""
    return upper_seconds(bucket - 1) if bucket else 0.0


@dataclass(frozen=True)
class DelayCurve:
    """Share of the labels that have arrived by a delay after their impression.

    counts : labels by bucket.
    """

    counts: Mapping[int, int]

    @classmethod
    def sum_of(cls, histograms: Iterable[Mapping[int, int]]) -> DelayCurve:
        """The curve of several histograms together."""
        total: dict[int, int] = {}
        for histogram in histograms:
            for bucket, count in histogram.items():
                total[bucket] = total.get(bucket, 0) + count
        return cls(total)

    @cached_property
    def labels(self) -> int:
        """How many labels were measured."""
        return sum(self.counts.values())

    def share_by(self, seconds: float) -> float | None:
        """Share of labels with a delay of at most so many seconds; None without any label.

        Within a bucket delays count as evenly spread.
        """
        if not self.labels:
            return None
        arrived = 0.0
        for bucket, count in self.counts.items():
            low, high = lower_seconds(bucket), upper_seconds(bucket)
            arrived += count * min(max((seconds - low) / (high - low), 0.0), 1.0)
        return arrived / self.labels

    def seconds_for(self, share: float) -> float | None:
        """A delay by which that share of labels has arrived: the end of a bucket, or None."""
        arrived = 0
        for bucket in sorted(self.counts):
            arrived += self.counts[bucket]
            if arrived >= share * self.labels:
                return upper_seconds(bucket)
        return None

    def points(self) -> list[tuple[float, float]]:
        """(seconds, share of labels that arrived within them), a point a bucket up to the last."""
        last = max(self.counts, default=-1)
        arrived, points = 0, []
        for bucket in range(last + 1):
            arrived += self.counts.get(bucket, 0)
            points.append((upper_seconds(bucket), arrived / self.labels))
        return points


def maturing_seconds(curve: DelayCurve, horizon_seconds: float, observed_seconds: float) -> float:
    """How old an impression is when MATURE_SHARE of its labels are expected to be there.

    Only feedback that has come can be measured. Until a whole horizon has been watched, long
    delays are under-represented: then, and with few labels, it is the horizon, past which none
    comes.
    """
    measured = curve.seconds_for(MATURE_SHARE)
    if measured is None or curve.labels < LEAST_LABELS or observed_seconds < horizon_seconds:
        return horizon_seconds
    return min(measured, horizon_seconds)
