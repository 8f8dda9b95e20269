"""Whom alerts are told to, and the outbox: one row a transition and channel."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from monitoring.alerts.kinds import SEVERITIES
from monitoring.alerts.sender import service_of
from updates.models import Recommender

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
# The waits before it, doubling up to LONGEST_WAIT, come to some fourteen hours.
MOST_ATTEMPTS = 20
# A process that died while it sent is taken to have sent nothing.
SENDING_MAY_TAKE = timedelta(minutes=2)


class Severity(models.TextChoices):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @classmethod
    def up_to(cls, severity: str) -> list[str]:
        """Those that are no worse."""
        return list(SEVERITIES[: SEVERITIES.index(severity) + 1])


class AlertChannel(models.Model):
    """Where alerts go. Its address holds secrets: it is shown to nobody and logged nowhere."""

    name = models.CharField(max_length=60, unique=True)
    address = models.TextField(help_text="An address as Apprise understands it.")
    min_severity = models.CharField(
        max_length=10,
        choices=Severity,
        default=Severity.WARNING,
        help_text="Alerts that are less severe are not sent.",
    )
    recommenders = models.ManyToManyField(
        Recommender, blank=True, help_text="Of which recommenders; none chosen means all."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not service_of(self.address):
            raise ValidationError("Apprise does not understand this address.")

    @property
    def masked(self) -> str:
        """The service, and a fingerprint that changes with the address."""
        digest = salted_hmac("monitoring.AlertChannel", self.address).hexdigest()[:8]
        return f"{service_of(self.address) or 'not understood'}, fingerprint {digest}"

    @classmethod
    def told_of(cls, recommender_id: int, severity: str) -> models.QuerySet[Self]:
        """The channels that such an alert goes to."""
        # As subqueries: a join would name a channel once for each of its recommenders.
        chosen = cls.recommenders.through.objects.filter(alertchannel=OuterRef("pk"))
        return cls.objects.filter(
            ~Exists(chosen) | Exists(chosen.filter(recommender=recommender_id)),
            enabled=True,
            min_severity__in=Severity.up_to(severity),
        )


class NotificationState(models.TextChoices):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DROPPED = "dropped", "dropped: it was silenced and resolved, or the channel was switched off"
    GIVEN_UP = "given-up", "given up: the receiver took none of many attempts"


UNSENT = (NotificationState.WAITING, NotificationState.SENDING)


class Notification(models.Model):
    """One transition to be told to one channel."""

    transition = models.ForeignKey(
        "monitoring.AlertTransition", on_delete=models.CASCADE, related_name="notifications"
    )
    channel = models.ForeignKey(
        AlertChannel, on_delete=models.CASCADE, related_name="notifications"
    )
    state = models.CharField(
        max_length=10, choices=NotificationState, default=NotificationState.WAITING
    )
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    silenced = models.BooleanField(default=False, help_text="It has waited for a silence to end.")
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True, help_text="Why the last attempt failed.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["transition", "channel"], name="one_notification_a_transition_and_channel"
            ),
        ]
        indexes = [models.Index(fields=["state"], name="notifications_by_state")]

    def __str__(self) -> str:
        return f"{self.transition_id} to {self.channel}: {self.state}"

    def is_ready(self, now: datetime) -> bool:
        """Whether it is due, and nobody is at it."""
        if self.state == NotificationState.SENDING:
            return self.claimed_at <= now - SENDING_MAY_TAKE
        return self.due_at <= now

    def claim(self, now: datetime) -> bool:
        """Take it to be sent: true for exactly one caller, however many try."""
        free = Q(state=NotificationState.WAITING) | Q(
            state=NotificationState.SENDING, claimed_at__lte=now - SENDING_MAY_TAKE
        )
        return self._update(free, state=NotificationState.SENDING, claimed_at=now)

    def sent(self, now: datetime) -> None:
        """The receiver has taken it."""
        self._update(
            Q(state=NotificationState.SENDING),
            state=NotificationState.SENT,
            sent_at=now,
            problem="",
        )

    def failed(self, now: datetime, problem: str) -> None:
        """The receiver has not taken it: it waits, twice as long each time, or is given up."""
        attempts = self.attempts + 1
        over = attempts >= MOST_ATTEMPTS
        self._update(
            Q(state=NotificationState.SENDING),
            state=NotificationState.GIVEN_UP if over else NotificationState.WAITING,
            attempts=attempts,
            due_at=now + min(FIRST_WAIT * 2**self.attempts, LONGEST_WAIT),
            problem=problem,
        )

    def put_off(self, until: datetime) -> None:
        """It waits for a silence to end."""
        self._update(Q(state=NotificationState.WAITING), due_at=until, silenced=True)

    def drop(self) -> None:
        """Nobody need be told any more."""
        self._update(Q(state__in=UNSENT), state=NotificationState.DROPPED)

    def _update(self, expected: Q, **fields: Any) -> bool:
        return bool(Notification.objects.filter(expected, pk=self.pk).update(**fields))
