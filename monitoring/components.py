"""How fresh each component of a model is, and which policies feed it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.age_bar import AgeBar
from monitoring.fleet import log_facts
from monitoring.freshness import Freshness, LiveFacts, freshness, with_cause
from monitoring.obstacles import InTheWay
from updates.models import ModelVersion, Recommender, UpdatePolicy, UpdateRun
from updates.models.policy import Strategy
from updates.samples.log import Head

RUNS = ("run", "begun_by")
UNKNOWN = LiveFacts(None, 1)
# Policies, each with the components that its updates change.
Policies = Sequence[tuple[UpdatePolicy, Collection[str]]]


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
    recommender: Recommender,
    now: datetime,
    head: Head | None,
    served: LiveFacts | None,
    obstacles: InTheWay | None = None,
) -> list[ComponentFreshness]:
    """Each component of the live version, in the learner's order; none where nothing is live.

    served : what online learning has made of the live version since, or what servers serve that
        are not ours; None where neither.
    obstacles : what is in the way, for the cause beside each state; without it none is told.
    """
    live = recommender.live_version
    if live is None:
        return []
    policies = [(policy, _fed(policy)) for policy in recommender.policies.all()]
    log = log_facts(head)

    def part(name: str, facts: LiveFacts | None) -> ComponentFreshness:
        """Judged by its own objective where it has one."""
        known = live.component(name)
        fresh = freshness(
            facts,
            log,
            objective_seconds=recommender.objective_seconds(name),
            grace_seconds=recommender.grace_seconds,
            now=now,
        )
        if obstacles:
            # Whether labels are pending is told of the whole: no component waits for its own.
            fresh = with_cause(fresh, log, obstacles.of(recommender.pk, name, None), now)
        fed_by = [policy for policy, fed in policies if policy.active and name in fed]
        return ComponentFreshness(name, fresh, fed_by, known["run"], known["space_id"])

    return [part(name, facts) for name, facts in _facts(live, served, policies).items()]


def components_of(version: ModelVersion) -> list[dict[str, Any]]:
    """Where each component of a version stands, with the runs (None where they are not known) that
    moved it last and began it."""
    rows = [
        version.component(name) | {"name": name, "moment": part.watermark}
        for name, part in version.parts(version.components).items()
    ]
    runs = UpdateRun.objects.in_bulk({row[key] for row in rows for key in RUNS if row[key]})
    return [row | {key: runs.get(row[key]) for key in RUNS} for row in rows]


def _facts(
    live: ModelVersion, served: LiveFacts | None, policies: Policies
) -> dict[str, LiveFacts]:
    """What was sent to serving is served, whether the policy that learned it is still on or not;
    of servers that are not ours, the version that they have."""
    if served and served.parts is not None:
        return {name: served.parts.get(name, UNKNOWN) for name in live.components}
    online = {
        name for policy, fed in policies if policy.strategy == Strategy.ONLINE for name in fed
    }
    return {
        name: served if served and name in online else LiveFacts(part.watermark, part.next_offset)
        for name, part in live.parts(live.components).items()
    }


def _fed(policy: UpdatePolicy) -> Collection[str]:
    """Components that its updates change; none that can be told of a learner that is not there."""
    if not policy.recommender.component_names:
        return ()
    named = policy.effective_components
    return policy.learner.written(named) if policy.begins_anew else named
