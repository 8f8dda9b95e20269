"""The columns of the fleet page, and the order of its rows by each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.fleet_members import Member
from monitoring.fleet_points import newest_ne
from monitoring.fleet_query import WORST_FIRST, FleetQuery
from monitoring.fleet_updates import last_moved, next_due
from monitoring.freshness import Freshness, FreshnessCause, FreshnessState

# What a recommender loses by being stale, least first: one that is idle has nothing to learn, one
# without a live version serves nothing yet.
SEVERITY = [
    FreshnessState.IDLE,
    FreshnessState.FRESH,
    FreshnessState.UNKNOWN,
    FreshnessState.AGING,
    FreshnessState.STALE,
]
FAULTS = frozenset({FreshnessCause.SYNC_BROKEN, FreshnessCause.WORKER_DEAD})


@dataclass(frozen=True)
class Column:
    """ascending, descending : what comes first, in words. first : how a click on its header sorts
    first, as a query says it."""

    name: str
    title: str
    ascending: str
    descending: str
    first: str
    note: str = ""
    number: bool = False

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """Both orders as a query says them and in words, the one that is meant first before."""
        both = [(f"-{self.name}", self.descending), (self.name, self.ascending)]
        return both if self.first.startswith("-") else both[::-1]


COLUMNS = (
    Column("name", "Recommender", "name A–Z", "name Z–A", "name"),
    Column("state", "State", "worst last", "worst first", WORST_FIRST),
    Column("age", "Age", "youngest", "oldest", "-age", note="against objective + grace"),
    Column("lag", "Lag", "least lag", "most lag", "-lag", number=True),
    Column("backlog", "Backlog", "least backlog", "most backlog", "-backlog", number=True),
    Column("ne", "NE", "lowest NE", "highest NE", "-ne", note="last hour"),
    Column("last", "Last update", "updated longest ago", "updated last", "-last"),
    Column("next", "Next update", "due soonest", "due last", "next"),
)
SORTS = {f"{sign}{column.name}" for column in COLUMNS for sign in ("", "-")}


@dataclass(frozen=True)
class Header:
    """A column as it stands: ``direction`` is ascending, descending or empty; ``query`` is what a
    click on it asks for."""

    column: Column
    direction: str
    query: FleetQuery


def headers(query: FleetQuery) -> list[Header]:
    """Those of all columns."""
    return [_header(column, query) for column in COLUMNS]


def _header(column: Column, query: FleetQuery) -> Header:
    name, descending = _order(query)
    if name != column.name:
        return Header(column, "", query.but(sort=column.first))
    turned = query.but(sort=name if descending else f"-{name}")
    return Header(column, "descending" if descending else "ascending", turned)


def ordered(
    members: Sequence[Member], fleet: Mapping[int, Freshness], query: FleetQuery, now: datetime
) -> list[Member]:
    """Sorted as the query says, by default the worst first; those without a value come last, and
    equal ones stay in their order."""
    name, descending = _order(query)
    values = KEYS[name](members, fleet, now)
    known = [member for member in members if values.get(member.pk) is not None]
    unknown = [member for member in members if values.get(member.pk) is None]
    return [*sorted(known, key=lambda m: values[m.pk], reverse=descending), *unknown]


def _order(query: FleetQuery) -> tuple[str, bool]:
    sort = query.sort if query.sort in SORTS else WORST_FIRST
    return sort.removeprefix("-"), sort.startswith("-")


Keys = Callable[[Sequence[Member], Mapping[int, Freshness], datetime], Mapping[int, Any]]


def _of_freshness(key: Callable[[Freshness], Any]) -> Keys:
    return lambda members, fleet, now: {m.pk: key(fleet[m.pk]) for m in members}


def _overage(fresh: Freshness) -> float | None:
    """Age in objectives."""
    return None if fresh.age_seconds is None else fresh.age_seconds / fresh.objective_seconds


def _severity(fresh: Freshness) -> tuple[int, bool, float]:
    return SEVERITY.index(fresh.state), fresh.cause in FAULTS, _overage(fresh) or 0.0


KEYS: dict[str, Keys] = {
    "name": lambda members, fleet, now: {m.pk: m.name.casefold() for m in members},
    # Challengers serve nobody: they come after all that do.
    "state": lambda members, fleet, now: {
        m.pk: (m.challenges_id is None, *_severity(fleet[m.pk])) for m in members
    },
    "age": _of_freshness(_overage),
    "lag": _of_freshness(lambda fresh: fresh.lag_seconds),
    "backlog": _of_freshness(lambda fresh: fresh.backlog_samples),
    "ne": lambda members, fleet, now: newest_ne(now),
    "last": lambda members, fleet, now: last_moved(),
    "next": lambda members, fleet, now: next_due(),
}
