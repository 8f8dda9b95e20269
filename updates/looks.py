"""When to look again at samples that come in: each look gives chance an occasion. No Django."""

from updates.metrics import MIN_SAMPLES

GROWTH = 0.5


def is_enough(seen: int, more: int) -> bool:
    """Whether so many more samples than at the last look may say something else."""
    return more >= max(MIN_SAMPLES, GROWTH * seen)
