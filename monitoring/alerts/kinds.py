"""What alerts there are: how bad each is, and for how long it must hold. Imports no Django."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# A condition must be gone for so long before its alert is resolved: one that comes and goes is one.
CLEAR_FOR = timedelta(minutes=2)
# So many runs of a policy in a row, failed or rejected, are an alert.
RUNS_IN_A_ROW = 3

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True)
class Kind:
    """One kind of alert.

    title : what is wrong, in a few words. holds_for : so long before it fires. todo : what helps.
    """

    name: str
    severity: str
    holds_for: timedelta
    title: str
    todo: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "worker-dead",
            "critical",
            timedelta(minutes=1),
            "runs wait and no worker takes them",
            "Start the worker: the page Workers says which.",
        ),
        Kind(
            "sync-broken",
            "critical",
            timedelta(minutes=1),
            "a process or server does not serve what it should",
            "Its page says which, and why.",
        ),
        Kind(
            "publishing-frozen",
            "critical",
            timedelta(0),
            "what it learns online is not served: a guardrail is broken",
            "Its page leads to what it learned; quarantine the samples, or publish it anyway.",
        ),
        Kind(
            "backlog",
            "critical",
            timedelta(minutes=1),
            "stale: samples wait to be learned",
            "Trigger an update; see whether its policies are paused, held or too slow.",
        ),
        Kind(
            "budget-burning",
            "critical",
            timedelta(0),
            "its error budget of freshness is used too fast",
            "See what its updates wait for; a shorter cadence, or an objective that can be kept.",
        ),
        Kind(
            "labels-pending",
            "warning",
            timedelta(minutes=5),
            "old: impressions wait for their labels",
            "Shorten the waiting window, or have fake negatives made at once.",
        ),
        Kind(
            "no-traffic",
            "warning",
            timedelta(minutes=5),
            "old: no samples arrive",
            "Look at what sends the samples.",
        ),
        Kind(
            "drift",
            "warning",
            timedelta(0),
            "what it meets has drifted from what it learned on",
            "Compare the distributions on its page; a full update learns anew.",
        ),
        Kind(
            "memory-limit",
            "warning",
            timedelta(0),
            "its model reaches the memory limit within a week, or has",
            "Its page says when; a what-if there shows what admission and expiry would save.",
        ),
        Kind(
            "failing-runs",
            "critical",
            timedelta(0),
            f"the last {RUNS_IN_A_ROW} updates of a policy failed",
            "The last run says why.",
        ),
        Kind(
            "rejected-runs",
            "warning",
            timedelta(0),
            f"the last {RUNS_IN_A_ROW} updates of a policy were rejected by its guardrails",
            "Look at the candidates; promote one by hand if the guardrail was wrong.",
        ),
    )
}


@dataclass(frozen=True)
class Condition:
    """Something that is wrong now.

    since : from when on, as far as the facts tell. patience : so much longer than its kind asks
    for it must hold before it fires.
    """

    recommender_id: int
    kind: Kind
    component: str
    since: datetime
    summary: str
    objective: str
    patience: timedelta = timedelta(0)

    @property
    def must_hold(self) -> timedelta:
        """So long before it fires."""
        return self.kind.holds_for + self.patience

    @property
    def key(self) -> tuple[int, str, str]:
        """What tells it from others: at most one open alert has it."""
        return self.recommender_id, self.kind.name, self.component
