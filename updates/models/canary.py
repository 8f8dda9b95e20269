"""A version on trial: it answers a share of the traffic and is judged on what arrives meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from updates.models.answered import Answered
from updates.models.policy_bounds import BOUNDS
from updates.models.recommender import Recommender
from updates.models.run import UpdateRun
from updates.models.version import ModelVersion

# A judge that has said nothing for so long has died, and another one takes it up.
JUDGE_TAKES = timedelta(seconds=60)
# What has killed so many judges would kill the next.
MOST_ATTEMPTS = 3


class CanaryState(models.TextChoices):
    RUNNING = "running", "serves on trial"
    PROMOTED = "promoted", "was promoted"
    REJECTED = "rejected", "broke a guardrail, or could not be judged"
    CANCELLED = "cancelled", "was ended by a person, or with its run"
    OVERTAKEN = "overtaken", "something else was made live meanwhile"


class OnTrial(RuntimeError):
    """A version of the recommender is on trial: nothing else is updated or promoted meanwhile."""

    def __init__(self, canary: Canary) -> None:
        super().__init__(
            f"Version {canary.version.number} is on trial until {canary.ends_at:%Y-%m-%d %H:%M:%S} "
            "UTC: nothing else is updated or promoted until its canary has ended."
        )
        self.canary = canary


class CanaryQuerySet(models.QuerySet):
    """Canaries, however many there have been."""

    def running(self) -> Self:
        """Those that have not ended: at most one a recommender."""
        return self.filter(state=CanaryState.RUNNING)


class Canary(Answered):
    """One trial of a version beside the live one. ``end`` is the one door out of it."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="canaries")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="canaries")
    live = models.ForeignKey(
        ModelVersion,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The version that it is compared with: live from its beginning to its end.",
    )
    run = models.ForeignKey(
        UpdateRun,
        null=True,
        on_delete=models.SET_NULL,
        related_name="canaries",
        help_text="The run whose version waits to be promoted; empty where a person began it.",
    )
    share = models.FloatField(help_text="Of the users; 0: it answers nobody.")
    reason = models.TextField(blank=True, help_text="Why it was begun, by a person.")
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    began_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=20, choices=CanaryState, default=CanaryState.RUNNING)
    verdict = models.TextField(blank=True, help_text="What came of it, in sentences with numbers.")
    first_offset = models.PositiveBigIntegerField(
        help_text="The first sample that judges: neither version has learned it or what follows."
    )
    judged_through = models.PositiveBigIntegerField(
        help_text="The last sample that judged so far; the one before the first if none has."
    )
    judged_at = models.DateTimeField(null=True)
    metrics = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    judging_since = models.DateTimeField(null=True, help_text="Since when a worker judges it.")
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="Judges that have begun since one was last done."
    )

    objects = CanaryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # For the tick, and for every serving process several times a second.
            models.Index(fields=["state"], condition=Q(state="running"), name="canaries_running"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender"],
                condition=Q(state="running"),
                name="one_running_canary_a_recommender",
            ),
            BOUNDS["canary_share"].constraint("share"),
        ]

    def __str__(self) -> str:
        return f"canary of {self.version}: {self.state}"

    @classmethod
    def ensure_none(cls, recommender: Recommender) -> None:
        """Raises OnTrial where one runs."""
        running = cls.objects.running().filter(recommender=recommender)
        if canary := running.select_related("version").first():
            raise OnTrial(canary)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.state == CanaryState.RUNNING

    @property
    def seconds(self) -> float:
        """How long it is meant to last."""
        return (self.ends_at - self.began_at).total_seconds()

    def is_over(self, now: datetime) -> bool:
        """Whether its time is up."""
        return now >= self.ends_at

    def refresh_counts(self) -> None:
        """What all processes have counted by now."""
        self.refresh_from_db(fields=[field.name for field in Answered._meta.fields])

    def end(self, state: CanaryState, verdict: str, by: Any = None) -> bool:
        """Running → its outcome, in the caller's transaction; false where it has one already."""
        with transaction.atomic():
            current = Canary.objects.select_for_update().get(pk=self.pk)
            if not current.running:
                return False
            self.state, self.verdict, self.ended_by = state, verdict, by
            self.ended_at = timezone.now()
            self.save(update_fields=["state", "verdict", "ended_by", "ended_at"])
        return True

    def claim(self, now: datetime) -> bool:
        """A worker judges it: true for exactly one, until it is done or has died."""
        free = Q(judging_since=None) | Q(judging_since__lte=now - JUDGE_TAKES)
        running = Canary.objects.running().filter(free, pk=self.pk)
        taken = running.update(judging_since=now, attempts=F("attempts") + 1)
        if taken:
            self.refresh_from_db()
        return bool(taken)

    def judged(self, through: int, metrics: dict[str, Any], at: datetime) -> None:
        """What was measured up to that offset."""
        self.judged_through, self.metrics, self.judged_at = through, metrics, at
        self.save(update_fields=["judged_through", "metrics", "judged_at"])

    def let_go(self) -> None:
        """Its judge is done; another may come."""
        Canary.objects.filter(pk=self.pk).update(judging_since=None, attempts=0)
