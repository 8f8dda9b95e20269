"""How fresh each component of a model is, and which policies feed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.age_bar import AgeBar
from monitoring.freshness import Freshness, LiveFacts, LogFacts, freshness
from updates.models import ModelVersion, Recommender, UpdatePolicy
from updates.models.policy import Strategy
from updates.samples.log import Head


@dataclass(frozen=True)
class ComponentFreshness:
    """One component of what is served.

    fed_by : policies that are on and update it. run : number of the run that moved it last, None
    where that is not known. space_id : of the space that it makes or lives in, None without one.
    """

    name: str
    fresh: Freshness
    fed_by: list[UpdatePolicy]
    run: int | None
    space_id: str | None

    @property
    def bar(self) -> AgeBar:
        """Its age against its objective."""
        return AgeBar.of(self.fresh)


def components(
    recommender: Recommender, now: datetime, head: Head | None, served: LiveFacts | None
) -> list[ComponentFreshness]:
    """Each component of the live version, in the learner's order; none where nothing is live.

    served : what online learning has made of the live version since, None where nothing.
    """
    live = recommender.live_version
    if live is None:
        return []
    policies = [policy for policy in recommender.policies.all() if policy.active]
    log = LogFacts(head.last_offset, head.newest_event_time) if head else None

    def part(name: str, facts: LiveFacts | None) -> ComponentFreshness:
        """Judged by its own objective where it has one."""
        known = live.component(name)
        own: Mapping[str, int] = recommender.component_objectives
        fresh = freshness(
            facts,
            log,
            objective_seconds=own.get(name, recommender.freshness_objective_seconds),
            grace_seconds=recommender.grace_seconds,
            now=now,
        )
        fed_by = [policy for policy in policies if name in _updated(policy)]
        return ComponentFreshness(name, fresh, fed_by, known["run"], known["space_id"])

    return [part(name, facts) for name, facts in _facts(live, served, policies).items()]


def _facts(
    live: ModelVersion, served: LiveFacts | None, policies: Sequence[UpdatePolicy]
) -> dict[str, LiveFacts]:
    online = {
        name
        for policy in policies
        if policy.strategy == Strategy.ONLINE
        for name in policy.effective_components
    }
    return {
        name: served if served and name in online else LiveFacts(part.watermark, part.next_offset)
        for name, part in live.parts(live.components).items()
    }


def _updated(policy: UpdatePolicy) -> Sequence[str]:
    named = policy.effective_components
    return policy.learner.written(named) if policy.begins_anew else named
