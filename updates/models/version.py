"""An immutable model: what it learned from, how good and how sparse it is, where its bytes lie."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models, transaction
from django.db.models import Max, Q

from updates.models.recommender import Recommender
from updates.samples.offsets import Range, overlap
from updates.strategies.base import Part


class VersionState(models.TextChoices):
    CANDIDATE = "candidate"
    LIVE = "live"
    RETIRED = "retired"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


MOVES = {
    VersionState.CANDIDATE: {VersionState.LIVE, VersionState.REJECTED, VersionState.QUARANTINED},
    VersionState.LIVE: {VersionState.RETIRED, VersionState.QUARANTINED},
    VersionState.RETIRED: {VersionState.LIVE, VersionState.QUARANTINED},
    VersionState.REJECTED: {VersionState.LIVE, VersionState.QUARANTINED},
    # Only once it has learned nothing that is quarantined any more.
    VersionState.QUARANTINED: {VersionState.RETIRED, VersionState.REJECTED},
}
# What a version is, whosever it is.
COPIED = (
    "learner",
    "learner_options",
    "digest",
    "artifact_bytes",
    "watermark",
    "learned_ranges",
    "next_offset",
    "components",
    "metrics",
    "sparsity",
)
LONGEST_NAME = 300
# What may change after a version is written: where it stands, and that its bytes were pruned.
MUTABLE = {"state", "state_reason", "pruned_at"}


class ImmutableVersionError(TypeError):
    """Someone tried to change a version; publish a new one instead."""


class IllegalVersionMove(ValueError):
    """A version cannot go from the state it is in to the one asked for."""


class ModelVersion(models.Model):
    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(
        max_length=LONGEST_NAME,
        default="",
        db_default="",
        editable=False,
        help_text="What those call it who made it elsewhere; empty of what updates have made.",
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    learner = models.CharField(max_length=60)
    learner_options = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the artifact's manifest.")
    artifact_bytes = models.PositiveBigIntegerField()
    watermark = models.DateTimeField(null=True, help_text="Event time up to which it has learned.")
    learned_ranges = models.JSONField(
        help_text="Offsets learned, in order, as {first_offset, last_offset, event_time_from?}."
    )
    next_offset = models.PositiveBigIntegerField(help_text="The first offset not yet learned.")
    components = models.JSONField(
        default=dict,
        help_text="Of each: {watermark, next_offset, run that moved it last, begun_by: run that "
        "began it anew, space_id}.",
    )
    metrics = models.JSONField(default=dict)
    sparsity = models.JSONField(default=dict)
    state = models.CharField(
        max_length=20, choices=VersionState, default=VersionState.CANDIDATE, editable=False
    )
    state_reason = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    pruned_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["recommender", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "number"], name="version_numbers_are_unique"
            ),
            models.UniqueConstraint(
                fields=["recommender", "name"],
                condition=~Q(name=""),
                name="version_names_are_unique",
            ),
            models.UniqueConstraint(
                fields=["recommender"],
                condition=Q(state="live"),
                name="one_live_version_a_recommender",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recommender.slug} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        changed = set(kwargs.get("update_fields") or ())
        if not self._state.adding and not (changed and changed <= MUTABLE):
            raise ImmutableVersionError(
                f"{self} is immutable; publish a new version (only {sorted(MUTABLE)} may change)."
            )
        super().save(*args, **kwargs)

    @classmethod
    def publish(cls, recommender: Recommender, **fields: Any) -> "ModelVersion":
        """Write a new candidate under the next number of its recommender."""
        with transaction.atomic():
            # The recommender's row lock makes the number unique without a retry.
            Recommender.objects.select_for_update().get(pk=recommender.pk)
            last = cls.objects.filter(recommender=recommender).aggregate(n=Max("number"))["n"]
            return cls.objects.create(recommender=recommender, number=(last or 0) + 1, **fields)

    def copied_to(
        self, recommender: Recommender, *, parent: "ModelVersion | None", why: str
    ) -> "ModelVersion":
        """The same artifact as a new candidate of another recommender that reads the same log."""
        same = {name: getattr(self, name) for name in COPIED}
        return ModelVersion.publish(recommender, parent=parent, state_reason=why, **same)

    def component(self, name: str) -> dict[str, Any]:
        """Where a component stands; of versions that did not write it down, as the whole."""
        watermark = self.watermark.isoformat() if self.watermark else None
        whole = {"watermark": watermark, "next_offset": self.next_offset}
        known = self.components.get(name, {})
        return {**whole, "run": None, "begun_by": None, "space_id": None, **known}

    def begun_with(self, other: "ModelVersion") -> bool:
        """Whether no component was begun anew since both were one, as far as is written down."""
        names = {*self.components, *other.components}
        begun = ((each.component(name)["begun_by"] for each in (self, other)) for name in names)
        return bool(names) and all(one == another is not None for one, another in begun)

    def parts(self, names: Iterable[str]) -> dict[str, Part]:
        """How far each component has learned."""
        return {name: Part.from_json(self.component(name)) for name in names}

    def least(self, names: Iterable[str]) -> Part:
        """How far all of these components have learned."""
        parts = self.parts(names).values()
        times = [part.watermark for part in parts]
        watermark = None if None in times else min(times)
        return Part(min(part.next_offset for part in parts), watermark)

    def has_learned(self, ranges: Sequence[Range]) -> bool:
        """Whether one of these offsets is among those that it learned from."""
        learned = ((each["first_offset"], each["last_offset"]) for each in self.learned_ranges)
        return any(overlap(ranges, first, last + 1) for first, last in learned)

    def comes_from(self, other: "ModelVersion") -> bool:
        """Whether it is the other, or what updates have made of it."""
        between = ModelVersion.objects.filter(
            recommender_id=self.recommender_id, number__range=(other.number, self.number)
        )
        parents, at = dict(between.values_list("pk", "parent")), self.pk
        while at is not None and at != other.pk:
            at = parents.get(at)
        return at == other.pk

    def move(self, to: VersionState, reason: str = "") -> None:
        """The one door for its state: a conditional update. Raises IllegalVersionMove."""
        allowed = [state for state, targets in MOVES.items() if to in targets]
        changed = ModelVersion.objects.filter(pk=self.pk, state__in=allowed).update(
            state=to, state_reason=reason
        )
        self.refresh_from_db(fields=["state", "state_reason"])
        if not changed:
            raise IllegalVersionMove(f"{self} is {self.state}; it cannot become {to}.")
