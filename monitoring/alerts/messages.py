"""What people are told of alerts: what is wrong, since when, against what, what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from monitoring.alerts.models import Alert, AlertState, AlertTransition
from updates.words import duration, sentence

SIGNS = {AlertState.ACKNOWLEDGED: "info", AlertState.RESOLVED: "success"}


@dataclass(frozen=True)
class Message:
    """sign : failure, warning, info or success."""

    title: str
    body: str
    sign: str


def message(transitions: Sequence[AlertTransition]) -> Message:
    """One message of all that happened to one recommender's alerts, oldest first; at least one."""
    newest = transitions[-1]
    name = newest.alert.recommender.name
    if len(transitions) == 1:
        title = f"{name}: {newest.to_state}: {_title(newest.alert)}"
    else:
        title = f"{name}: {len(transitions)} changes of alerts"
    page = url("recommender", newest.alert.recommender.slug)
    parts = [_part(transition) for transition in transitions]
    parts.append(f"Updates, roll-back and policies: {page}")
    return Message(title, "\n\n".join(parts), _sign(transitions))


def url(name: str, *args: object) -> str:
    """The full address of a page."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def _title(alert: Alert) -> str:
    of = f" ({alert.component})" if alert.component else ""
    return f"{alert.about.title}{of}"


def _part(transition: AlertTransition) -> str:
    alert = transition.alert
    lines = [f"{transition.to_state.upper()} ({alert.severity}): {_title(alert)}"]
    if transition.to_state == AlertState.ACKNOWLEDGED:
        lines.append(f"By {transition.by or 'a person who was deleted'}: {transition.why}")
    elif transition.to_state == AlertState.RESOLVED:
        lasted = (transition.at - alert.since).total_seconds()
        lines.append(f"It lasted {duration(lasted)}, from {_clock(alert.since)} on.")
    else:
        lines += [
            f"What: {alert.summary}",
            f"Since: {_clock(alert.since)}",
            f"Objective: {alert.objective}",
            f"Tried: {sentence(alert.tried)}",
            f"To do: {alert.about.todo}",
        ]
    lines.append(f"Acknowledge or silence: {url('alert', alert.pk)}")
    return "\n".join(lines)


def _sign(transitions: Sequence[AlertTransition]) -> str:
    """That of the worst."""
    firing = [t.alert.severity for t in transitions if t.to_state == AlertState.FIRING]
    if firing:
        return "failure" if "critical" in firing else "warning"
    return SIGNS[AlertState(transitions[-1].to_state)]


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
