"""Servers of other teams that serve a recommender: who they are, and what they say they serve."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Count, F, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from recadmin.webhooks import LONGEST_URL, BadUrl, Receiver, secret_text
from updates.models.deployment import Deployment
from updates.models.recommender import DAY_SECONDS, Recommender

# So long the secret and the token before the present ones are good as well.
OLD_SECRET_COUNTS = timedelta(days=1)
LONGEST_ERROR = 2000


def new_nonce() -> str:
    """The random part of a secret: 256 bits."""
    return secrets.token_urlsafe(32)


class TargetState(models.TextChoices):
    SYNCED = "synced", "serves what is live"
    SWAPPING = "swapping", "has yet to swap, within the time that it may take"
    LAGGING = "lagging", "has not swapped in the time that it may take"
    FAILED = "failed", "said that it could not swap"
    IDLE = "idle", "has nothing to serve: nothing was ever live"
    OFF = "off", "switched off: neither told nor waited for"


class TargetQuerySet(models.QuerySet):
    """Targets of all recommenders."""

    def with_lag(self) -> Self:
        """With ``behind``, how many deployments followed the one that it swapped to, and
        ``followed_at``, when the first of them was."""
        after = Deployment.objects.filter(
            recommender=OuterRef("recommender"), pk__gt=Coalesce(OuterRef("swapped"), 0)
        )
        of_each = after.order_by().values("recommender")
        return self.annotate(
            behind=Coalesce(Subquery(of_each.annotate(n=Count("pk")).values("n")), 0),
            followed_at=Subquery(of_each.annotate(t=Min("started_at")).values("t")),
        )

    def untold(self, now: datetime) -> Self:
        """Those whose url has yet to take the newest event, ``newest``, and may be asked now: once
        its wait is over, or at once where the event is not the one that it failed to take."""
        newest = Deployment.objects.filter(recommender=OuterRef("recommender")).order_by("-pk")
        return (
            self.filter(enabled=True)
            .exclude(url="")
            .annotate(newest=Subquery(newest.values("pk")[:1]))
            .filter(newest__gt=Coalesce(F("told"), 0))
            .filter(~Q(newest=Coalesce(F("swapped"), 0)))
            .filter(Q(claimed_until=None) | Q(claimed_until__lte=now))
            .filter(Q(due_at=None) | Q(due_at__lte=now) | Q(newest__gt=Coalesce(F("tried"), 0)))
        )


class ServingTarget(models.Model):
    """A server, or a group of servers behind one name, that is told what to serve.

    Its secret and token are not stored: they are derived from SECRET_KEY and ``nonce``, so that
    neither the database nor SECRET_KEY alone gives them away.
    """

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="serving_targets"
    )
    name = models.SlugField(max_length=60, help_text="What it is called, such as edge-eu.")
    url = models.CharField(
        max_length=LONGEST_URL,
        blank=True,
        help_text="Where events are sent. Empty: it asks for them.",
    )
    enabled = models.BooleanField(
        default=True,
        help_text="Whether it is told, and waited for before a version counts as served.",
    )
    swap_within_seconds = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(DAY_SECONDS)],
        help_text="So long a swap may take before the server is said to lag.",
    )
    nonce = models.CharField(max_length=43, default=new_nonce, editable=False)
    previous_nonce = models.CharField(max_length=43, blank=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    swapped = models.ForeignKey(
        Deployment,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The deployment that it serves, as it says; empty where it has not said.",
    )
    swapped_at = models.DateTimeField(null=True, editable=False)
    failed = models.ForeignKey(
        Deployment,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The deployment that it could not swap to, where it has swapped to none since.",
    )
    error = models.TextField(blank=True, editable=False, help_text="Why it could not.")
    reported_at = models.DateTimeField(null=True, editable=False)

    told = models.ForeignKey(
        Deployment,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The newest event that its url has taken.",
    )
    told_at = models.DateTimeField(null=True, editable=False)
    tried = models.ForeignKey(
        Deployment,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The newest event that was sent to its url.",
    )
    attempts = models.PositiveIntegerField(
        default=0, editable=False, help_text="How often its url has not taken that event."
    )
    due_at = models.DateTimeField(null=True, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)
    problem = models.TextField(
        blank=True, editable=False, help_text="Why its url has not taken the event."
    )

    objects = TargetQuerySet.as_manager()

    class Meta:
        ordering = ["recommender", "name"]
        constraints = [
            models.UniqueConstraint(fields=["recommender", "name"], name="target_names_are_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.recommender.slug}"

    def clean(self) -> None:
        if self.url:
            try:
                Receiver.parse(self.url)
            except BadUrl as error:
                raise ValidationError({"url": str(error)}) from error

    @property
    def secret(self) -> str:
        """What the server verifies events with. Shown when it is made, and never again."""
        return secret_text(_key(self.nonce))

    @property
    def token(self) -> str:
        """What the server asks and acknowledges with. Shown when it is made, and never again."""
        return _token(self.pk, self.nonce)

    @classmethod
    def of_token(cls, token: str, now: datetime) -> Self | None:
        """Whose token it is; None where it is nobody's."""
        pk = token.partition(".")[0]
        if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
            return None
        found = cls.objects.filter(pk=int(pk)).first()
        known = [_token(found.pk, nonce) for nonce in found._nonces(now)] if found else []
        return found if any(constant_time_compare(token, each) for each in known) else None

    @property
    def fingerprint(self) -> str:
        """Tells one secret from another, and nothing else of it."""
        return hashlib.sha256(self.nonce.encode()).hexdigest()[:8]

    def rotate(self, now: datetime) -> None:
        """Another secret and token; the present ones go on for a day."""
        self.previous_nonce, self.nonce, self.rotated_at = self.nonce, new_nonce(), now
        self.save(update_fields=["previous_nonce", "nonce", "rotated_at"])

    def keys(self, now: datetime) -> list[bytes]:
        """What signs: the present secret, and the one before it for a day after the change."""
        return [_key(nonce) for nonce in self._nonces(now)]

    def _nonces(self, now: datetime) -> list[str]:
        lately = self.rotated_at and self.rotated_at > now - OLD_SECRET_COUNTS
        return [self.nonce, self.previous_nonce] if lately else [self.nonce]

    def state(self, now: datetime) -> TargetState:
        """Of one that was asked for ``with_lag``."""
        if not self.enabled:
            return TargetState.OFF
        if not self.behind:
            return TargetState.SYNCED if self.swapped_id else TargetState.IDLE
        if self.failed_id:
            return TargetState.FAILED
        late = now - self.behind_since > self.swap_within
        return TargetState.LAGGING if late else TargetState.SWAPPING

    def is_new(self, now: datetime) -> bool:
        """Whether it was named so lately that it may not have swapped for the first time yet."""
        return now - self.created_at <= self.swap_within

    @property
    def swap_within(self) -> timedelta:
        """How long a swap may take."""
        return timedelta(seconds=self.swap_within_seconds)

    @property
    def behind_since(self) -> datetime | None:
        """From when on it should have served something newer; None where it serves what is live.

        One that has not swapped yet cannot have known before it was there itself.
        """
        if not self.behind:
            return None
        return self.followed_at if self.swapped_id else max(self.followed_at, self.created_at)

    def has_swapped(self, deployment: Deployment, now: datetime) -> None:
        """It says that it serves the version of that deployment."""
        changed = {"reported_at": now}
        if self.swapped_id != deployment.pk:
            changed |= {"swapped": deployment, "swapped_at": now}
        # Where it has gone back to what it served before, what failed still has.
        if self.failed_id and self.failed_id <= deployment.pk:
            changed |= {"failed": None, "error": ""}
        self._write(**changed)

    def has_failed(self, deployment: Deployment, error: str, now: datetime) -> None:
        """It says that it cannot serve the version of that deployment."""
        changed = {"reported_at": now, "failed": deployment, "error": error}
        if self.swapped_id == deployment.pk:
            changed |= {"swapped": None, "swapped_at": None}
        self._write(**changed)

    def claim(self, until: datetime, now: datetime) -> bool:
        """Take it to be told, up to then: true for exactly one caller, however many try."""
        free = Q(claimed_until=None) | Q(claimed_until__lte=now)
        claimed = ServingTarget.objects.filter(free, pk=self.pk)
        return bool(claimed.update(claimed_until=until))

    def has_taken(self, deployment: Deployment, now: datetime) -> None:
        """Its url has taken the event."""
        self._write(
            told=deployment,
            told_at=now,
            tried=deployment,
            attempts=0,
            due_at=None,
            problem="",
            claimed_until=None,
        )

    def has_not_taken(
        self, deployment: Deployment, problem: str, wait: timedelta, now: datetime
    ) -> None:
        """Its url has not taken the event; it may be asked again after the wait."""
        self._write(
            tried=deployment,
            attempts=self.attempts_at(deployment) + 1,
            due_at=now + wait,
            problem=problem,
            claimed_until=None,
        )

    def attempts_at(self, deployment: Deployment) -> int:
        """How often its url has not taken that event."""
        return self.attempts if self.tried_id == deployment.pk else 0

    def _write(self, **changed: object) -> None:
        """These fields alone: not what somebody else configures meanwhile. No change of
        configuration, so that no signal tells of it."""
        ServingTarget.objects.filter(pk=self.pk).update(**changed)
        for name, value in changed.items():
            setattr(self, name, value)


def _key(nonce: str) -> bytes:
    return salted_hmac("updates.ServingTarget", nonce, algorithm="sha256").digest()


def _token(pk: int, nonce: str) -> str:
    made = salted_hmac("updates.ServingTarget.token", f"{pk}.{nonce}", algorithm="sha256")
    return f"{pk}.{made.hexdigest()}"
