"""What a rebuild will cost, from what former runs did."""

from __future__ import annotations

from collections.abc import Sequence

from updates.flows.rebuild import Plan, samples_of
from updates.models import Recommender
from updates.models.run import RunState
from updates.samples.offsets import Range

# The newest so many runs are measured.
RUNS_MEASURED = 20


def cpu_seconds(recommender: Recommender, plan: Plan, left_out: Sequence[Range]) -> float | None:
    """Expected of the plan; None where nothing was measured yet.

    A making costs what it cost its own run. One that no run is known of, and what has arrived
    since, cost the samples at the rate of the newest runs, and what the cheapest of them took:
    reading, writing and checking a model that learns next to nothing.
    """
    done = recommender.runs.filter(state=RunState.PROMOTED, samples__gt=0)[:RUNS_MEASURED]
    measured = [(run.cpu_seconds, run.samples) for run in done]
    if not measured:
        return None
    seconds, samples = (sum(column) for column in zip(*measured, strict=True))
    least = min(cost for cost, _ in measured)
    digests = [making.digest for making in plan.makings]
    known = dict(
        recommender.versions.filter(digest__in=digests, run__isnull=False).values_list(
            "digest", "run__cpu_seconds"
        )
    )
    others = [samples_of(each, left_out) for each in plan.makings if each.digest not in known]
    others += [plan.tail] if plan.tail else []
    return float(sum(known.values()) + sum(least + n * seconds / samples for n in others))
