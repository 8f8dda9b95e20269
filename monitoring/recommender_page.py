"""What the page of one recommender shows, gathered part by part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.db.models.fields.json import KT

from monitoring import metrics
from monitoring.age_bar import AgeBar
from monitoring.alerts.shown import open_alerts
from monitoring.budget import SHOWN, windows
from monitoring.canaries import on_trial
from monitoring.components import components
from monitoring.devices import report as device_report
from monitoring.fleet import fleet_freshness, log_heads
from monitoring.frozen import frozen_now
from monitoring.obstacles import in_the_way
from monitoring.series import newest_by_policy
from monitoring.served import online_positions, served_facts, with_sync
from monitoring.servers import servers
from monitoring.trainer import trainer_of
from updates import joiners
from updates.flows.follow_predictions import named_lately
from updates.models import (
    Deployment,
    Explanation,
    ModelVersion,
    Recommender,
    ServingReport,
    UpdateRun,
)
from updates.models.policy import Strategy
from updates.models.run import ACTIVE
from updates.models.serving_report import SyncState
from updates.samples.durable import LogUnavailable
from updates.serving.deltas import Position
from updates.words import duration

RECENT_RUNS = 6
# Any other can be named as well.
MOST_OFFERED = 100
# So long a process may take to load what has just been deployed, before it is said to lag.
SWAP_TAKES = timedelta(seconds=5)


def headline(recommender: Recommender, now: datetime) -> dict[str, Any]:
    """Its freshness now, what is live and who made it so, and processes that serve otherwise."""
    heads = log_heads([recommender])
    sent = online_positions([recommender])
    served = served_facts([recommender], now, sent)
    obstacles = in_the_way([recommender], now)
    fresh = fleet_freshness([recommender], now, heads, served, obstacles)[recommender.pk]
    deployment, frozen = open_deployment(recommender), frozen_now(recommender)
    others = servers(recommender, now)
    return {
        "recommender": recommender,
        "fresh": fresh,
        "bar": AgeBar.of(fresh),
        "budget": windows([recommender], SHOWN, now)[recommender.pk],
        "head": heads.get(recommender.pk),
        "deployment": deployment,
        "alerts": [
            *serving_alerts(recommender, deployment, now, frozen=frozen is not None),
            *(server.says for server in others if server.at_fault),
        ],
        "servers": others,
        "open_alerts": open_alerts(now, recommender),
        "sync": sync(recommender, sent.get(recommender.pk), now),
        "components": components(
            recommender, now, heads.get(recommender.pk), served.get(recommender.pk), obstacles
        ),
        "frozen": frozen,
        "log_silent": not heads,
        "runs": recent_runs(recommender),
        "trial": on_trial(recommender, now),
        "trainer": trainer_of(recommender),
        "predicted_by": named_lately(recommender, now),
    }


def joining(recommender: Recommender, now: datetime) -> dict[str, Any] | None:
    """How impressions and feedback are joined; None where the joiner does not answer."""
    try:
        return joiners.report(recommender, now)
    except LogUnavailable:
        return None


def devices(recommender: Recommender) -> dict[str, Any] | None:
    """What users' devices bring; None where Valkey does not answer."""
    try:
        return device_report(recommender)
    except LogUnavailable:
        return None


def open_deployment(recommender: Recommender) -> Deployment | None:
    """The deployment in force; ``brought`` : the first sentence of what its version learned beyond
    its parent, None where that is not worked out."""
    learned = Explanation.objects.filter(
        version=OuterRef("version"), against=OuterRef("version__parent")
    )
    return (
        recommender.deployments.filter(ended_at=None)
        .select_related("version", "moved_by", "run__policy")
        .annotate(brought=Subquery(learned.values(said=KT("content__sentences__0"))))
        .first()
    )


def recent_runs(recommender: Recommender) -> list[UpdateRun]:
    """The newest runs, those under way first."""
    runs = recommender.runs.select_related("policy", "result_version", "requested_by")
    newest = list(runs[:RECENT_RUNS])
    return sorted(newest, key=lambda run: (run.state not in ACTIVE, -run.pk))


def serving_alerts(
    recommender: Recommender, deployment: Deployment | None, now: datetime, *, frozen: bool
) -> list[str]:
    """A sentence for each running process that serves something else than the live version.

    frozen : whether nothing is sent to serving, so that nobody can miss it.
    """
    reports = _running(recommender, now).select_related("served")
    settled = deployment is not None and deployment.started_at <= now - SWAP_TAKES
    sentences = []
    for report in reports.order_by("process"):
        serves = f"version {report.served.number}" if report.served else "nothing"
        if report.out_of_sync and not frozen:
            failing = duration((now - report.behind_since).total_seconds())
            sentences.append(
                f"Process {report.process}: sync failing for {failing}. It serves what was learned "
                f"up to offset {report.offset:,}. {report.error}".rstrip()
            )
        elif report.error:
            sentences.append(f"Process {report.process} serves {serves}. {report.error}")
        elif settled and report.served_id != recommender.live_version_id:
            sentences.append(
                f"Process {report.process} lags: it serves {serves}, "
                f"version {deployment.version.number} is live."
            )
    return sentences


@dataclass(frozen=True)
class Sync:
    """How serving keeps up with online learning.

    offset : the last that was sent to serving, None where nothing was or Valkey does not answer.
    processes : what each says, those that ended last.
    """

    offset: int | None
    processes: list[ServingReport]

    @property
    def state(self) -> SyncState:
        """The worst of the processes that run; NONE where none does."""
        present = {report.sync for report in self.processes} - {SyncState.GONE}
        worst_first = (SyncState.FAILING, SyncState.FROZEN, SyncState.STARTING, SyncState.SYNCED)
        return next((state for state in worst_first if state in present), SyncState.NONE)


def sync(recommender: Recommender, sent: Position | None, now: datetime) -> Sync | None:
    """None where nothing is learned online. ``sent`` : how far that was sent to serving."""
    if not recommender.policies.filter(strategy=Strategy.ONLINE).exists():
        return None
    processes = with_sync(recommender, now)
    processes.sort(key=lambda report: (report.sync == SyncState.GONE, report.process))
    return Sync(sent and sent.offset, processes)


def _running(recommender: Recommender, now: datetime) -> QuerySet[ServingReport]:
    return ServingReport.objects.running(now).filter(recommender=recommender)


def policies(recommender: Recommender) -> list[dict[str, Any]]:
    """Each policy with its declared and achieved cadence, newest measurement of each."""
    achieved = newest_by_policy(recommender, metrics.ACHIEVED_CADENCE_SECONDS)
    declared = newest_by_policy(recommender, metrics.DECLARED_CADENCE_SECONDS)
    return [
        {
            "policy": policy,
            "achieved": achieved.get(policy.pk),
            "declared": declared.get(policy.pk),
        }
        for policy in recommender.policies.all()
    ]


def versions(recommender: Recommender) -> QuerySet[ModelVersion]:
    """Its versions, newest first, with the run that made each."""
    return recommender.versions.select_related("run").order_by("-number")


def comparable(recommender: Recommender) -> QuerySet[Recommender]:
    """Others to offer for comparison, those of the same learner first."""
    others = Recommender.objects.exclude(pk=recommender.pk)
    same_first = Case(When(learner=recommender.learner, then=0), default=1)
    return others.order_by(same_first, "slug").only("slug", "name")[:MOST_OFFERED]


def deployments(recommender: Recommender) -> QuerySet[Deployment]:
    """What was live when, newest first, with who moved it."""
    return recommender.deployments.select_related("version", "previous", "moved_by", "run__policy")
