"""How old users' vectors are: statistics over what users did of late. Imports no Django."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

CLIENT, SERVER = "client", "server"
# Upper ends of ages, in seconds; what is older than the last, or knows nothing, comes after.
AGES = (10, 60, 600, 3_600, 21_600, 86_400)


@dataclass(frozen=True)
class UserAges:
    """users : who did something of late. fresh : of those, whose vector knows all of it but what is
    younger than the objective. ages : by source of the vector, how many are at most as old as each
    of AGES, and older; the age of a vector is now − the newest event time that it knows.
    """

    users: int
    fresh: int
    ages: dict[str, list[int]]

    @property
    def share(self) -> float | None:
        """Share of users on fresh vectors; None of nobody."""
        return self.fresh / self.users if self.users else None

    def to_json(self) -> dict[str, Any]:
        """As kept and shown."""
        return asdict(self)


def user_ages(
    rows: pa.Table, told: dict[str, set[int]], learned: int, objective_seconds: float, now_ms: int
) -> UserAges:
    """Ages of the vectors of the users in some rows.

    Parameters
    ----------
    rows : ``user``, ``offset`` and ``event_time_ms`` of samples.
    told : by user, offsets beyond ``learned`` that devices have brought into the user's vector.
    learned : the last offset that training has learned of users.
    """
    encoded = rows["user"].combine_chunks().dictionary_encode()
    names, codes = encoded.dictionary.to_pylist(), np.asarray(encoded.indices)
    offsets, times = (np.asarray(rows[name]) for name in ("offset", "event_time_ms"))
    places = {name: place for place, name in enumerate(names)}
    by_devices = np.zeros(len(codes), bool)
    for name in told.keys() & places.keys():
        own = np.flatnonzero((codes == places[name]) & (offsets > learned))
        by_devices[own] = np.isin(offsets[own], list(told[name]))
    known = (offsets <= learned) | by_devices
    newest_known = np.full(len(names), -1)
    np.maximum.at(newest_known, codes[known], times[known])
    oldest_unknown = np.full(len(names), now_ms)
    np.minimum.at(oldest_unknown, codes[~known], times[~known])
    fresh = now_ms - oldest_unknown <= 1000 * objective_seconds
    from_devices = np.bincount(codes[by_devices], minlength=len(names)) > 0
    places_of_age = np.searchsorted(1000 * np.array(AGES), now_ms - newest_known)
    places_of_age[newest_known < 0] = len(AGES)
    ages = {
        source: np.bincount(places_of_age[of], minlength=len(AGES) + 1).tolist()
        for source, of in ((CLIENT, from_devices), (SERVER, ~from_devices))
    }
    return UserAges(len(names), int(fresh.sum()), ages)
