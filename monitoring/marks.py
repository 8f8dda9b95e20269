"""What happened to a recommender, as marks on the time axis of its charts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.db.models import Q
from django.urls import reverse

from monitoring.alerts.models import Alert
from updates.models import CadenceChange, Deployment, Recommender
from updates.models.deployment import DeploymentKind

PROMOTION, ROLLBACK, CADENCE, ALERT = "promotion", "rollback", "cadence", "alert"
CANARY = "canary"
KINDS = (PROMOTION, ROLLBACK, CADENCE, CANARY, ALERT)
# More marks than this make a chart unreadable: promotions that lie closer together become one.
MOST_PROMOTIONS = 60


@dataclass(frozen=True)
class Mark:
    """Something that happened: when, of which kind, in words, and the page that says more.

    kind : "promotion", "rollback", "cadence", "canary" or "alert".
    until : when an alert was resolved or a canary ended; None while it is open, and for what
    happened at one time.
    """

    at: datetime
    kind: str
    label: str
    url: str
    until: datetime | None = None

    def to_json(self) -> dict[str, str | int | None]:
        """The form that the API answers; times in milliseconds since 1970 in UTC, as points."""
        return {
            "at": _milliseconds(self.at),
            "until": self.until and _milliseconds(self.until),
            "kind": self.kind,
            "label": self.label,
            "url": self.url,
        }


def marks(recommender: Recommender, start: datetime, end: datetime) -> list[Mark]:
    """Promotions, rollbacks, freezes, cadence changes, canaries and alerts from start to end, by
    time.

    Rollbacks, cadence changes, canaries and alerts are all there, an alert also if it fired before
    and was open at the start; where promotions are denser than one in a sixtieth of the span,
    neighbours are merged into one mark that says how many it stands for.
    """
    moves = list(
        Deployment.objects.filter(recommender=recommender, started_at__range=(start, end))
        .select_related("version", "previous")
        .order_by("started_at", "id")
    )
    back = (DeploymentKind.ROLLBACK, DeploymentKind.REWIND)
    rollbacks = [_rollback(recommender, m) for m in moves if m.kind in back]
    freezes = [_freeze(recommender, m) for m in moves if m.kind == DeploymentKind.FREEZE]
    promotions = [m for m in moves if m.kind == DeploymentKind.PROMOTION]
    merged = _merge(promotions, start, end)
    return sorted(
        [
            *rollbacks,
            *freezes,
            *(_promotion(recommender, group) for group in merged),
            *_cadence_changes(recommender, start, end),
            *_canaries(recommender, start, end),
            *_alerts(recommender, start, end),
        ],
        key=lambda mark: mark.at,
    )


def _merge(moves: list[Deployment], start: datetime, end: datetime) -> list[list[Deployment]]:
    if len(moves) <= MOST_PROMOTIONS:
        return [[move] for move in moves]
    width = max((end - start) / MOST_PROMOTIONS, timedelta(seconds=1))
    return [list(group) for _, group in groupby(moves, lambda m: (m.started_at - start) // width)]


def _promotion(recommender: Recommender, group: list[Deployment]) -> Mark:
    last = group[-1]
    label = f"v{last.version.number} promoted"
    if len(group) > 1:
        label = f"{len(group)} promotions, v{group[0].version.number} to v{last.version.number}"
    return Mark(last.started_at, PROMOTION, label, _version_url(recommender, last))


def _rollback(recommender: Recommender, move: Deployment) -> Mark:
    came_from = f" from v{move.previous.number}" if move.previous else ""
    label = f"Rolled back{came_from} to v{move.version.number}: {move.reason}"
    return Mark(move.started_at, ROLLBACK, label, _version_url(recommender, move))


def _freeze(recommender: Recommender, move: Deployment) -> Mark:
    label = f"Publishing frozen, v{move.version.number} served: {move.reason}"
    return Mark(move.started_at, ROLLBACK, label, _version_url(recommender, move))


def _cadence_changes(recommender: Recommender, start: datetime, end: datetime) -> list[Mark]:
    changes = CadenceChange.objects.filter(
        policy__recommender=recommender, changed_at__range=(start, end)
    ).select_related("policy")
    url = reverse("recommender", args=[recommender.slug])
    return [
        Mark(c.changed_at, CADENCE, f"Cadence of {c.policy.name} changed", f"{url}#policies")
        for c in changes
    ]


def _canaries(recommender: Recommender, start: datetime, end: datetime) -> list[Mark]:
    begun = recommender.canaries.filter(began_at__range=(start, end)).select_related("version")
    return [
        Mark(
            canary.began_at,
            CANARY,
            f"v{canary.version.number} on trial: {canary.state}",
            reverse("version", args=[recommender.slug, canary.version.number]),
            canary.ended_at,
        )
        for canary in begun
    ]


def _alerts(recommender: Recommender, start: datetime, end: datetime) -> list[Mark]:
    fired = Alert.objects.filter(recommender=recommender, fired_at__lte=end)
    alerts = fired.filter(Q(resolved_at=None) | Q(resolved_at__gte=start))
    return [
        Mark(a.fired_at, ALERT, _words(a), reverse("alert", args=[a.pk]), a.resolved_at)
        for a in alerts
    ]


def _words(alert: Alert) -> str:
    of = f" ({alert.component})" if alert.component else ""
    return f"Alert {alert.kind}{of}: {alert.about.title}"


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _version_url(recommender: Recommender, move: Deployment) -> str:
    return reverse("version", args=[recommender.slug, move.version.number])
