"""Empties the outbox: one message a channel and recommender, in order, tried again until taken."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from monitoring.alerts import sender
from monitoring.alerts.channels import UNSENT, Notification, NotificationState
from monitoring.alerts.messages import message
from monitoring.alerts.models import AlertState, Silence

logger = logging.getLogger(__name__)


def deliver(now: datetime) -> None:
    """Send what is due.

    Each row is claimed by one caller and marked once the receiver has taken it. A process that dies
    in between leaves a claim; that row is sent again after SENDING_MAY_TAKE, so that it may come
    twice then, but never not at all.
    """
    unsent = Notification.objects.filter(state__in=UNSENT).select_related(
        "channel", "transition__by", "transition__alert__recommender"
    )
    rows = sorted(unsent, key=lambda row: (*_group(row), row.pk))
    silences = Silence.objects.in_force(now).order_by("until")
    silenced = dict(silences.values_list("recommender", "until"))
    for (_, recommender_id), group in groupby(rows, key=_group):
        _deliver_group(list(group), silenced.get(recommender_id), now)


def _group(row: Notification) -> tuple[int, int]:
    return row.channel_id, row.transition.alert.recommender_id


def _deliver_group(rows: list[Notification], silent_until: datetime | None, now: datetime) -> None:
    """Of one channel and recommender, oldest first: none overtakes another."""
    wanted = [row for row in rows if not _is_dropped(row)]
    if silent_until:
        for row in wanted:
            row.put_off(silent_until)
        return
    if not wanted or not wanted[0].is_ready(now):
        return
    claimed = [row for row in wanted if row.claim(now)]
    if claimed:
        _send(claimed, now)


def _is_dropped(row: Notification) -> bool:
    """Nobody need hear of what began and ended in silence, nor through a channel that is off."""
    alert = row.transition.alert
    over = row.silenced and alert.state == AlertState.RESOLVED
    never_told = alert.state == AlertState.RESOLVED and Notification.objects.filter(
        channel=row.channel_id,
        transition__alert=alert,
        transition__to_state=AlertState.FIRING,
        state=NotificationState.DROPPED,
    )
    if over or not row.channel.enabled or (never_told and never_told.exists()):
        row.drop()
        return True
    return False


def _send(rows: Sequence[Notification], now: datetime) -> None:
    told = message([row.transition for row in rows])
    channel = rows[0].channel
    try:
        sender.send(channel.address, told.title, told.body, told.sign)
    except sender.NotDelivered as error:
        logger.warning("channel %s, attempt %d: %s", channel, rows[0].attempts + 1, error)
        for row in rows:
            row.failed(now, str(error))
        return
    for row in rows:
        row.sent(now)
