"""What other settings of admission and expiry would have saved, and what they would have cost."""

from typing import Any, Self

from django.db import models, transaction

from updates.models.job import FAILED, QUEUED, RUNNING, UNDER_WAY, Job
from updates.models.recommender import Recommender


class WhatIfState(models.TextChoices):
    QUEUED = QUEUED
    RUNNING = RUNNING
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = FAILED


class WhatIfUnderWay(RuntimeError):
    """A study of the recommender is under way already; ``what_if`` is the one."""

    def __init__(self, what_if: "WhatIf") -> None:
        super().__init__(f"What-if {what_if.pk} of {what_if.recommender.slug} is {what_if.state}.")
        self.what_if = what_if


class WhatIfIsOver(RuntimeError):
    """A study that has ended cannot be cancelled."""

    def __init__(self, what_if: "WhatIf") -> None:
        super().__init__(f"What-if {what_if.pk} is {what_if.state}: there is nothing to cancel.")


class WhatIf(Job):
    """One replay of the newest samples by several settings, from nothing, side by side."""

    task = "updates.tasks.answer_what_if"
    word = "what-if"

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="what_ifs")
    state = models.CharField(max_length=20, choices=WhatIfState, default=WhatIfState.QUEUED)
    learner_options = models.JSONField(help_text="Those that all settings share, resolved.")
    settings = models.JSONField(
        help_text="{admit_after, expire_after} of each; the first is the present one."
    )
    first_offset = models.PositiveBigIntegerField()
    last_offset = models.PositiveBigIntegerField()
    results = models.JSONField(default=list, help_text="Of each setting, in the same order.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["recommender", "-id"], name="what_ifs_newest_first")]

    def __str__(self) -> str:
        return f"{self.recommender.slug}, {len(self.settings)} settings: {self.state}"

    @property
    def total(self) -> int:
        """Samples to be replayed."""
        return self.last_offset - self.first_offset + 1

    @classmethod
    def request(cls, recommender: Recommender, by: Any, **fields: Any) -> Self:
        """Queue one. Raises WhatIfUnderWay."""
        with transaction.atomic():
            # One at a time decides whether there is one already.
            Recommender.objects.select_for_update().get(pk=recommender.pk)
            if other := cls.objects.filter(recommender=recommender, state__in=UNDER_WAY).first():
                raise WhatIfUnderWay(other)
            return cls.objects.create(recommender=recommender, requested_by=by, **fields)

    def claim(self) -> bool:
        """As any job, but while no other study runs: workers are left for updates."""
        running = type(self).objects.filter(state=RUNNING).exists()
        return not running and super().claim()

    def cancel(self) -> None:
        """Under way → cancelled; its worker stops within a second. Raises WhatIfIsOver."""
        cancelled = self._end(
            list(UNDER_WAY), state=WhatIfState.CANCELLED, outcome="Cancelled; nothing was changed."
        )
        self.refresh_from_db()
        if not cancelled:
            raise WhatIfIsOver(self)
