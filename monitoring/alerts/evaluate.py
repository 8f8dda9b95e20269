"""One look at the fleet: alerts begin, fire and are resolved. Harmless when done twice at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from monitoring.alerts.conditions import Conditions, conditions, tried
from monitoring.alerts.kinds import CLEAR_FOR, Condition
from monitoring.alerts.models import OPEN, Alert, AlertState, IllegalAlertMove
from monitoring.fleet import log_heads
from updates.models import Recommender

logger = logging.getLogger(__name__)


def evaluate(now: datetime) -> None:
    """Compare what is wrong now with the alerts that are open.

    Where the sample log does not answer nothing is judged: no alert begins and none is resolved.
    """
    recommenders = list(Recommender.objects.select_related("live_version"))
    heads = log_heads(recommenders)
    if recommenders and not heads:
        return
    wrong = conditions(recommenders, heads, now)
    known = Alert.objects.filter(state__in=(AlertState.PENDING, *OPEN))
    alerts = {
        (alert.recommender_id, alert.kind, alert.component): alert
        for alert in known.select_related("recommender")
    }
    Alert.objects.filter(pk__in=[alerts[key].pk for key in wrong.keys() & alerts.keys()]).update(
        held_at=now
    )
    _begin([wrong[key] for key in wrong.keys() - alerts.keys()], now)
    for key, alert in alerts.items():
        with suppress(IllegalAlertMove):  # another evaluation, or a person, was first
            _move(alert, wrong, key, now)


def notice(condition: Condition, now: datetime) -> None:
    """What has just begun: an alert that the next evaluation fires, if it still holds."""
    _begin([condition], now)


def _begin(found: Iterable[Condition], now: datetime) -> None:
    Alert.objects.bulk_create(
        [
            Alert(
                recommender_id=condition.recommender_id,
                kind=condition.kind.name,
                component=condition.component,
                severity=condition.kind.severity,
                since=min(condition.since, now),
                held_at=now,
                summary=condition.summary,
                objective=condition.objective,
            )
            for condition in found
        ],
        ignore_conflicts=True,
    )


def _move(alert: Alert, wrong: Conditions, key: tuple[int, str, str], now: datetime) -> None:
    condition = wrong.get(key)
    if condition is None:
        _clear(alert, now)
    elif alert.state == AlertState.PENDING and now - alert.since >= condition.must_hold:
        said = {"summary": condition.summary, "objective": condition.objective}
        alert.fire(now, tried=tried(alert.recommender), **said)
        logger.warning("%s fires: %s", alert, alert.summary)


def _clear(alert: Alert, now: datetime) -> None:
    """What never fired is forgotten; what did is resolved once it has been right for long."""
    if alert.state == AlertState.PENDING:
        Alert.objects.filter(pk=alert.pk, state=AlertState.PENDING).delete()
    elif now - alert.held_at >= CLEAR_FOR:
        alert.resolve(now)
        logger.info("%s is resolved", alert)
