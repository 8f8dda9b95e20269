"""What a version has learned, as a period to compare with: merged once, looked at every minute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q

from monitoring.drift.compare import Sketch
from monitoring.models import SketchedRange
from monitoring.sketches import Period, merged, period
from updates.models import Recommender
from updates.samples.offsets import overlap, union

# A year of 10 features takes a second to merge, and 0.3 MB to keep.
MOST_KEPT = 128

# The offsets that ranges of one recommender cover, and those left out of them: first and last of
# each stretch without a gap.
Key = tuple[int, tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


class References:
    """Merged sketches of the ranges asked for last, by what offsets they cover.

    Samples never change, so that the same offsets have the same sketches, also when their ranges
    have been put together to coarser ones since. They are for reading.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, dict[str, Sketch]] = {}

    def merged(self, of: Recommender, ranges: Sequence[SketchedRange]) -> dict[str, Sketch]:
        """The sketches of ranges in order of offsets."""
        left_out = union(pair for each in ranges for pair in each.left_out)
        key = of.pk, _covered(ranges), tuple((first, last) for first, last in left_out)
        found = self._kept.pop(key, None)
        if found is None:
            found = merged(ranges)
            # Ranges put together meanwhile have lost their sketches, maybe before they were read.
            present = SketchedRange.objects.filter(pk__in=[each.pk for each in ranges])
            if present.count() < len(ranges):
                return found
        self._kept[key] = found
        if len(self._kept) > MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        return found

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


REFERENCES = References()


def learned(recommender: Recommender, ranges: Iterable[dict[str, int]], without: Period) -> Period:
    """What lies in ranges of offsets, as versions say what they learned, to a range's width, but
    for the samples of another period: what is compared must not be in both."""
    # What is quarantined breaks ranges into more than a database takes in one condition.
    wanted = union((part["first_offset"], part["last_offset"]) for part in ranges)
    both = Q(first_offset__lte=without.last_offset, last_offset__gte=without.first_offset)
    apart = recommender.sketched_ranges.exclude(both).order_by("first_offset")
    found = [each for each in apart if overlap(wanted, each.first_offset, each.last_offset + 1)]
    return period(found, REFERENCES.merged(recommender, found))


def _covered(ranges: Iterable[SketchedRange]) -> tuple[tuple[int, int], ...]:
    covered: list[tuple[int, int]] = []
    for each in ranges:
        goes_on = covered and covered[-1][1] == each.first_offset - 1
        first = covered.pop()[0] if goes_on else each.first_offset
        covered.append((first, each.last_offset))
    return tuple(covered)
