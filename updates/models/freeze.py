"""Times in which what is learned online is not served, as a guardrail was broken."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from updates.models.recommender import Recommender
from updates.models.run import UpdateRun
from updates.models.version import ModelVersion


class NotFrozen(RuntimeError):
    """Publishing is not frozen, or not any more."""


class Thaw(models.TextChoices):
    """How a freeze ended."""

    HELD = "held", "held: the guardrails held again"
    OVERRULED = "overruled", "overruled: somebody had it published all the same"
    SUPERSEDED = "superseded", "superseded: another version was made live"


class PublishingFreeze(models.Model):
    """Publishing of one online recommender, from frozen to thawed.

    Its base version is served, and learning goes on aside.
    """

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="freezes")
    run = models.ForeignKey(
        UpdateRun,
        null=True,
        on_delete=models.SET_NULL,
        related_name="freezes",
        help_text="The session that froze it.",
    )
    base = models.ForeignKey(
        ModelVersion,
        on_delete=models.CASCADE,
        related_name="freezes",
        help_text="The version that is served meanwhile, and that guardrails are held against.",
    )
    version = models.OneToOneField(
        ModelVersion,
        null=True,
        on_delete=models.SET_NULL,
        related_name="freeze",
        help_text="The running model as it was then, kept as rejected: to be explained.",
    )
    line = models.PositiveBigIntegerField(
        help_text="The line of online learning that goes on aside; see Deployment."
    )
    good_offset = models.PositiveBigIntegerField(
        help_text="Last sample by which all was well; what followed is under suspicion."
    )
    offset = models.PositiveBigIntegerField(help_text="Last offset learned when it froze.")
    reason = models.TextField(help_text="Which guardrails were broken.")
    looks = models.JSONField(default=list, help_text="What was seen before, oldest first.")
    held_looks = models.PositiveIntegerField(
        default=0, help_text="Looks in a row at which the guardrails have held since."
    )
    since = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    ended = models.CharField(max_length=20, choices=Thaw, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    end_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender"],
                condition=Q(ended_at__isnull=True),
                name="one_open_freeze_a_recommender",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended="")
                | (Q(ended_at__isnull=False) & ~Q(ended="")),
                name="a_freeze_that_ended_says_how",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recommender.slug} frozen at offset {self.offset}"

    @property
    def suspect(self) -> tuple[int, int]:
        """First and last offset of what it learned after all was well."""
        return self.good_offset + 1, self.offset

    @classmethod
    def open_of(cls, recommender: Recommender) -> Self | None:
        """The one that lasts."""
        return cls.objects.filter(recommender=recommender, ended_at=None).first()

    @classmethod
    def is_overruled(cls, base: ModelVersion) -> bool:
        """Whether somebody has said that what builds on this version is published all the same."""
        return cls.objects.filter(base=base, ended=Thaw.OVERRULED).exists()

    def lasts(self) -> bool:
        """Whether it has not ended meanwhile."""
        return PublishingFreeze.objects.filter(pk=self.pk, ended_at=None).exists()

    def note(self, held_looks: int) -> None:
        """At how many looks in a row the guardrails have held by now."""
        if held_looks != self.held_looks:
            PublishingFreeze.objects.filter(pk=self.pk).update(held_looks=held_looks)
            self.held_looks = held_looks

    def end(self, how: Thaw, reason: str, *, by: Any = None) -> None:
        """Thawed. Raises NotFrozen where it was already."""
        with transaction.atomic():
            found = PublishingFreeze.objects.select_for_update().get(pk=self.pk)
            if found.ended:
                raise NotFrozen("Publishing is not frozen any more.")
            self.ended_at, self.ended = timezone.now(), how
            self.ended_by, self.end_reason = by, reason
            self.save(update_fields=["ended_at", "ended", "ended_by", "end_reason"])
