"""Long lists in parts, where a statement or a transaction takes only so much."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def slices(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in order, so many at a time."""
    return (items[i : i + size] for i in range(0, len(items), size))
