"""Who met which item: the newest interactions, by user, so as not to recommend them again."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from updates.learners.sparse.slots import ABSENT
from updates.learners.wide_deep.vectors import grown
from updates.samples.jit import inlined, kernel

FIRST_ROOM = 1024
USERS, ITEMS, BEFORE = "history.users", "history.items", "history.before"


class History:
    """The newest ``capacity`` interactions: 16 bytes each, and 8 for each user.

    They are numbered from 1 on and lie in a ring, number n in the slot (n - 1) % capacity, each
    with how many numbers before it the same user's previous one has. It is still here while its
    number is above count - capacity: so nothing need be done to forget. The ring doubles until it
    has its capacity.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._before = 0  # interactions that were forgotten before those numbered here
        self._count = 0
        self._items = np.zeros(0, np.uint64)
        self._users = np.zeros(0, np.uint32)
        self._back = np.zeros(0, np.uint32)
        self._heads = np.zeros(FIRST_ROOM, np.int64)
        self._told = 0

    def __len__(self) -> int:
        """Number of interactions that are here."""
        return min(self._count, self._capacity)

    @property
    def total(self) -> int:
        """Number of interactions that ever were, here or where this was loaded from."""
        return self._before + self._count

    def remember(self, users: np.ndarray, items: np.ndarray) -> None:
        """Add interactions in their order, of (n,) int64 rows of users and (n,) uint64 keys of
        items. Those of row ABSENT (-1) or key 0 are none."""
        both = (users != ABSENT) & (items != 0)
        users, items = users[both], items[both]
        if not self._capacity or not len(users):
            return
        self._make_room(len(users), int(users.max()))
        ring = self._items, self._users, self._back
        self._count = _append(users, items, *ring, self._heads, self._count, self._capacity)

    def _make_room(self, more: int, highest: int) -> None:
        needed = max(self._count + more, FIRST_ROOM)
        if needed > len(self._items) < self._capacity:
            room = min(1 << (needed - 1).bit_length(), self._capacity)
            self._items, self._users, self._back = (
                grown(array, room) for array in (self._items, self._users, self._back)
            )
        if highest >= len(self._heads):
            self._heads = grown(self._heads, 1 << highest.bit_length())

    def of(self, user: int) -> np.ndarray:
        """(m,) uint64 keys of the items that the user of this row met, the newest first."""
        if not 0 <= user < len(self._heads):
            return np.empty(0, np.uint64)
        found: np.ndarray = _walk(
            self._heads[user], self._items, self._back, self._count, self._capacity
        )
        return found

    def copy(self) -> History:
        """One that goes its own way from here."""
        history = copy(self)
        history._items, history._users = self._items.copy(), self._users.copy()
        history._back, history._heads = self._back.copy(), self._heads.copy()
        return history

    def track(self) -> None:
        """Remember from now on what is added."""
        self._told = self.total

    def touched(self) -> dict[str, np.ndarray]:
        """As ``to_arrays``, only what was added since ``track`` or the last call."""
        told, self._told = self._told, self.total
        return self._newest(min(self.total - told, len(self)))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The interactions in their order: (n,) uint32 rows of users, (n,) uint64 keys of items,
        and how many were before them."""
        return self._newest(len(self))

    def _newest(self, n: int) -> dict[str, np.ndarray]:
        slots = np.arange(self._count - n, self._count) % max(self._capacity, 1)
        return {
            USERS: self._users[slots],
            ITEMS: self._items[slots],
            BEFORE: np.array([self.total - n]),
        }

    def apply(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Come to where ``to_arrays`` or ``touched`` was called, from any state in between; of what
        was saved before there was a history, nothing."""
        if BEFORE not in arrays:
            return
        known = self.total - int(arrays[BEFORE][0])
        self._before += max(-known, 0)
        fresh = slice(max(known, 0), None)
        self.remember(arrays[USERS][fresh].astype(np.int64), arrays[ITEMS][fresh])

    @property
    def nbytes(self) -> int:
        """Bytes of all interactions as they are saved."""
        return len(self) * (self._users.itemsize + self._items.itemsize)


@kernel
def _append(  # noqa: PLR0917
    users: np.ndarray,
    keys: np.ndarray,
    items: np.ndarray,
    owners: np.ndarray,
    back: np.ndarray,
    heads: np.ndarray,
    count: int,
    capacity: int,
) -> int:
    """Add to the ring; returns the new count. back : 0 where nothing is before it."""
    for i in range(users.shape[0]):
        slot, previous = count % capacity, heads[users[i]]
        count += 1
        items[slot] = keys[i]
        owners[slot] = np.uint32(users[i])
        back[slot] = np.uint32(count - previous if previous > max(count - capacity, 0) else 0)
        heads[users[i]] = count
    return count


@kernel
def _walk(head: int, items: np.ndarray, back: np.ndarray, count: int, capacity: int) -> np.ndarray:
    """Items from a user's newest interaction on."""
    oldest, steps, at = max(count - capacity, 0), 0, head
    while at > oldest:
        steps += 1
        at = _previous(at, back, capacity)
    found, at = np.empty(steps, np.uint64), head
    for n in range(steps):
        found[n] = items[(at - 1) % capacity]
        at = _previous(at, back, capacity)
    return found


@inlined
def _previous(at: int, back: np.ndarray, capacity: int) -> int:
    """Number of the same user's interaction before this one; 0 for none."""
    step = int(np.int64(back[(at - 1) % capacity]))
    return at - step if step else 0
