"""Alerts and silences: state machines by conditional updates, with every move kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from monitoring.alerts.channels import AlertChannel, Notification, Severity
from monitoring.alerts.kinds import KINDS, Kind
from updates.models import Recommender
from updates.models.append_only import AppendOnly, AppendOnlyQuerySet


class AlertState(models.TextChoices):
    PENDING = "pending", "pending: it has not held for long enough yet"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


KIND_CHOICES = [(name, name) for name in KINDS]
OPEN = (AlertState.FIRING, AlertState.ACKNOWLEDGED)


class IllegalAlertMove(ValueError):
    """An alert cannot go from the state it is in to the one asked for."""


class Alert(models.Model):
    """Something wrong with one recommender, or one component of it, from firing to resolved."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=20, choices=KIND_CHOICES)
    component = models.CharField(max_length=60, blank=True, default="")
    severity = models.CharField(max_length=10, choices=Severity)
    state = models.CharField(max_length=15, choices=AlertState, default=AlertState.PENDING)
    since = models.DateTimeField(help_text="From when on it is wrong, as far as the facts tell.")
    held_at = models.DateTimeField(help_text="When it was last seen to be wrong.")
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    summary = models.TextField(help_text="What is wrong.")
    objective = models.TextField(help_text="Against which objective.")
    tried = models.TextField(blank=True, help_text="What was tried before it fired.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state"], name="alerts_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "kind", "component"],
                condition=~Q(state="resolved"),
                name="one_open_alert_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk}: {self.about.title}, {self.recommender.slug}"

    @property
    def about(self) -> Kind:
        """What holds for all alerts of its kind."""
        return KINDS[self.kind]

    @property
    def open(self) -> bool:
        """Whether it is still wrong, and people have been told."""
        return self.state in OPEN

    def fire(self, now: datetime, **said: str) -> None:
        """Pending → firing. ``said`` : summary, objective and tried. Raises IllegalAlertMove."""
        self._move(AlertState.FIRING, [AlertState.PENDING], now, fired_at=now, **said)

    def acknowledge(self, by: Any, reason: str) -> None:
        """Firing → acknowledged: somebody is at it. Raises IllegalAlertMove."""
        self._move(AlertState.ACKNOWLEDGED, [AlertState.FIRING], timezone.now(), why=reason, by=by)

    def resolve(self, now: datetime) -> None:
        """Firing or acknowledged → resolved: it has been right again. Raises IllegalAlertMove."""
        self._move(AlertState.RESOLVED, list(OPEN), now, resolved_at=now)

    def _move(
        self,
        to: AlertState,
        allowed: list[AlertState],
        at: datetime,
        *,
        why: str = "",
        by: Any = None,
        **fields: Any,
    ) -> None:
        """The new state, a transition row and its place in the outbox, together."""
        with transaction.atomic():
            found = Alert.objects.select_for_update().get(pk=self.pk)
            moved = Alert.objects.filter(pk=self.pk, state=found.state, state__in=allowed)
            if not moved.update(state=to, **fields):
                raise IllegalAlertMove(f"Alert {self.pk} is {found.state}; it cannot become {to}.")
            step = AlertTransition.objects.create(
                alert=self, from_state=found.state, to_state=to, why=why, by=by, at=at
            )
            Notification.objects.bulk_create(
                Notification(transition=step, channel=channel, due_at=at)
                for channel in AlertChannel.told_of(self.recommender_id, self.severity)
            )
        self.refresh_from_db()


class AlertTransition(AppendOnly):
    """One move of an alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=15, choices=AlertState)
    to_state = models.CharField(max_length=15, choices=AlertState)
    why = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.alert_id}: {self.from_state} → {self.to_state}"


class SilenceQuerySet(AppendOnlyQuerySet):
    """Silences of all times."""

    def in_force(self, now: datetime) -> Self:
        """Those that have not ended at that time."""
        return self.filter(until__gt=now)


class Silence(AppendOnly):
    """Until it ends nobody is told of this recommender's alerts; they are still shown."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="silences")
    until = models.DateTimeField()
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SilenceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.recommender.slug} until {self.until:%Y-%m-%d %H:%M}"
