"""Which recommenders of a fleet a query chooses, and how many others it could."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from monitoring.fleet_members import Member
from monitoring.fleet_query import FleetQuery
from monitoring.freshness import Freshness

# What a recommender has of each filter.
VALUES: dict[str, Callable[[Member, Freshness], Collection[str]]] = {
    "state": lambda member, fresh: _deployed(member, fresh.state),
    "cause": lambda member, fresh: _deployed(member, fresh.cause),
    "learner": lambda member, fresh: (member.learner,),
    "tag": lambda member, fresh: member.tags,
}


def _deployed(member: Member, value: str) -> Collection[str]:
    """A challenger serves nobody: it is not counted among what is stale, nor fresh."""
    return () if member.challenges_id else (value,)


@dataclass(frozen=True)
class Choice:
    """chosen : in the order given. counts : of each filter, by its values, how many would be chosen
    with that value of it and everything else as it is."""

    chosen: list[Member]
    counts: dict[str, Counter[str]]


def choose(members: Sequence[Member], fleet: Mapping[int, Freshness], query: FleetQuery) -> Choice:
    """Those that have every value asked for."""
    wanted = [(name, value) for name in VALUES if (value := getattr(query, name))]
    search = query.q.lower()
    choice = Choice([], {name: Counter() for name in VALUES})
    for member in members:
        if search not in f"{member.slug} {member.name}".lower():
            continue
        values = {name: of(member, fleet[member.pk]) for name, of in VALUES.items()}
        missed = [name for name, value in wanted if value not in values[name]]
        if not missed:
            choice.chosen.append(member)
        # One that misses a single filter would be chosen by another value of that one.
        for name in missed if missed else VALUES:
            if len(missed) < 2:
                choice.counts[name].update(values[name])
    return choice
