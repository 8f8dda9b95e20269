"""Whose sample log a recommender reads: its own, or that of the champion that it challenges."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q, QuerySet

from updates.samples.schema import SampleSchema, SchemaError

# What decides how samples look and how they are made: of one log there is one answer.
OF_THE_LOG = (
    "schema",
    "delayed_feedback",
    "negative_sampling_rate",
    "join_window_seconds",
    "feedback_horizon_seconds",
    "early_feedback_seconds",
)


def stream_key(pk: int) -> str:
    """Prefix of a recommender's Valkey keys; the braces keep them in one hash slot."""
    return f"recadmin:{{r{pk}}}"


class LogOwner(models.Model):
    """What a recommender knows of the log that it learns from.

    A challenger reads its champion's log: the same samples under the same offsets, nothing copied.
    What is made of them (versions, runs, deltas, reports) is kept under its own keys and rows.
    """

    challenges = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="challengers",
        help_text="The champion that it challenges: it learns from that one's samples and answers "
        "only where it is asked by name. Fixed. Empty: it has samples of its own.",
    )

    class Meta:
        abstract = True

    @property
    def stream_key(self) -> str:
        """Prefix of the Valkey keys of what is made of its samples, and served."""
        return stream_key(self.pk)

    @property
    def log_owner_id(self) -> int:
        """Primary key of the recommender whose samples it learns."""
        return self.challenges_id or self.pk

    @property
    def log_key(self) -> str:
        """Prefix of the Valkey keys of these samples, and of what waits to be joined to some."""
        return stream_key(self.log_owner_id)

    @property
    def readers(self) -> QuerySet:
        """All that learn from the same log, itself among them; the owner first."""
        owner = self.log_owner_id
        found = type(self)._default_manager.filter(Q(pk=owner) | Q(challenges=owner))
        return found.order_by(models.F("challenges").asc(nulls_first=True), "pk")

    @property
    def challenger_slugs(self) -> list[str]:
        """Of those that challenge it, in their order."""
        return list(self.challengers.order_by("slug").values_list("slug", flat=True))

    def log_errors(self) -> dict[str, str]:
        """What does not go with whose log it reads, by field."""
        before = type(self)._default_manager.filter(pk=self.pk).first() if self.pk else None
        if before is not None and before.challenges_id != self.challenges_id:
            return {"challenges": "Is fixed: what it has learned is numbered by that log."}
        champion = self.challenges
        if champion is None:
            return _moved_under_challengers(self, before) if before else {}
        if champion.challenges_id is not None:
            slug = champion.challenges.slug
            return {"challenges": f"{champion.slug} is a challenger itself; challenge {slug}."}
        return {
            name: f"Must be as that of {champion.slug}, whose samples it learns."
            for name in OF_THE_LOG
            if not _same(name, getattr(self, name), getattr(champion, name))
        }


def _same(name: str, one: Any, other: Any) -> bool:
    """Schemas are the same that say the same, however they are written."""
    if name != "schema":
        return bool(one == other)
    try:
        return SampleSchema.from_json(one) == SampleSchema.from_json(other)
    except SchemaError:
        return True  # said of the schema itself


def _moved_under_challengers(champion: Any, before: Any) -> dict[str, str]:
    changed = [n for n in OF_THE_LOG if not _same(n, getattr(champion, n), getattr(before, n))]
    if not changed:
        return {}
    if not (slugs := champion.challenger_slugs):
        return {}
    why = f"Must stay while it is challenged, for challengers learn the same: {', '.join(slugs)}."
    return dict.fromkeys(changed, why)
