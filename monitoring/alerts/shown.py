"""Alerts as pages and API show them, at a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, OuterRef, QuerySet, Subquery

from monitoring.alerts.models import OPEN, Alert, AlertState, Silence
from updates.models import Recommender

RECENT = 20


def told_alerts(now: datetime) -> QuerySet[Alert]:
    """Those that have fired, newest first, each with ``silenced_until``."""
    silences = Silence.objects.in_force(now).filter(recommender=OuterRef("recommender"))
    longest = silences.order_by("-until").values("until")[:1]
    found = Alert.objects.exclude(state=AlertState.PENDING).select_related("recommender")
    return found.annotate(silenced_until=Subquery(longest))


def open_by_recommender(alerts: Iterable[Alert]) -> dict[Recommender, list[Alert]]:
    """Those that are open, by recommender, in the order of the newest."""
    found = defaultdict(list)
    for alert in alerts:
        found[alert.recommender].append(alert)
    return dict(found)


def open_alerts(now: datetime, recommender: Recommender | None = None) -> QuerySet[Alert]:
    """Those that are open, of all or of one."""
    found = told_alerts(now).filter(state__in=OPEN)
    return found.filter(recommender=recommender) if recommender else found


def counts(recommenders: Iterable[Recommender]) -> dict[int, int]:
    """Open alerts by recommender pk, where there are any."""
    rows = Alert.objects.filter(state__in=OPEN, recommender__in=[r.pk for r in recommenders])
    return dict(rows.order_by().values_list("recommender").annotate(Count("pk")))
