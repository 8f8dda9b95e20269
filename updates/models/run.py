"""One execution of an update: its life as a state machine, its progress, cost and outcome."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from updates.models.append_only import AppendOnly
from updates.models.policy import Strategy, UpdatePolicy
from updates.models.quarantine import Quarantine
from updates.models.recommender import Recommender
from updates.models.version import ModelVersion


class RunState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    EVALUATING = "evaluating"
    # Its version serves on trial: no worker is at it, and nothing else may be promoted.
    CANARY = "canary"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES = {
    RunState.QUEUED: {RunState.RUNNING, RunState.CANCELLED, RunState.FAILED},
    RunState.RUNNING: {
        RunState.QUEUED,  # its worker died: another one takes it up
        RunState.EVALUATING,
        RunState.REJECTED,
        RunState.FAILED,
        RunState.CANCELLED,
    },
    RunState.EVALUATING: {
        RunState.QUEUED,
        RunState.CANARY,
        RunState.PROMOTED,
        RunState.REJECTED,
        RunState.FAILED,
        RunState.CANCELLED,
    },
    RunState.CANARY: {RunState.PROMOTED, RunState.REJECTED, RunState.CANCELLED},
    RunState.PROMOTED: set(),
    RunState.REJECTED: set(),
    RunState.FAILED: set(),
    RunState.CANCELLED: set(),
}
WRITING = (RunState.RUNNING, RunState.EVALUATING)
ACTIVE = (RunState.QUEUED, *WRITING, RunState.CANARY)
FINISHED = tuple(state for state, targets in MOVES.items() if not targets)


# In literals: SQLite does not see that bound values meet the condition of the index, and would read
# every run there ever was.
_ACTIVE_BY_INDEX = RawSQL(
    "updates_updaterun.state IN ('queued', 'running', 'evaluating', 'canary')",
    (),
    models.BooleanField(),
)


class RunQuerySet(models.QuerySet):
    """Runs, however many there have been."""

    def rebuilding(self) -> Self:
        """Rebuilds that have not ended: nothing else may write a model of theirs meanwhile."""
        return self.active().filter(strategy=REBUILD)

    def active(self) -> Self:
        """Those that have not ended, at a cost that goes by their number alone."""
        return self.filter(_ACTIVE_BY_INDEX)


class IllegalRunMove(ValueError):
    """A run cannot go from the state it is in to the one asked for."""


# A strategy that no policy has: the live version made again, since what is quarantined has changed.
REBUILD = "rebuild"
STRATEGIES = [*Strategy.choices, (REBUILD, "Rebuild")]


class UpdateRun(models.Model):
    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="runs")
    policy = models.ForeignKey(
        UpdatePolicy, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs"
    )
    strategy = models.CharField(max_length=20, choices=STRATEGIES)
    quarantine = models.ForeignKey(
        Quarantine,
        null=True,
        on_delete=models.SET_NULL,
        related_name="runs",
        help_text="The one that was made or lifted, of a rebuild.",
    )
    components = models.JSONField()
    window_seconds = models.PositiveIntegerField(null=True)
    state = models.CharField(
        max_length=20, choices=RunState, default=RunState.QUEUED, editable=False
    )
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    reason = models.TextField(blank=True, help_text="Why it was started.")
    due_at = models.DateTimeField(null=True, help_text="The fire of its policy's schedule.")
    coalesced_fires = models.PositiveIntegerField(
        default=0, help_text="Further fires that fell due before it ran, answered by it."
    )
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    nudged_at = models.DateTimeField(null=True, help_text="When a worker was last told of it.")
    worker = models.CharField(max_length=120, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    deaths = models.PositiveSmallIntegerField(
        default=0, help_text="Workers that stopped answering while they had it."
    )
    fences = models.JSONField(default=dict, help_text="Fence number of each component's lease.")
    progress_phase = models.CharField(max_length=40, blank=True)
    progress_done = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(null=True)
    progress_per_second = models.FloatField(
        null=True, help_text="Between the last two reports of one phase."
    )
    base_version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    result_version = models.OneToOneField(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="run"
    )
    ranges = models.JSONField(default=list)
    metrics = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    error = models.TextField(blank=True, help_text="Why it was rejected, failed or cancelled.")
    cpu_seconds = models.FloatField(default=0.0)
    wall_seconds = models.FloatField(default=0.0)
    peak_memory_bytes = models.PositiveBigIntegerField(default=0)
    samples = models.PositiveBigIntegerField(default=0, help_text="Samples learned.")

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # For the tick: runs to nudge, and runs whose worker may have died.
            models.Index(
                fields=["state"],
                condition=Q(state__in=["queued", "running", "evaluating", "canary"]),
                name="runs_active",
            ),
            models.Index(fields=["recommender", "-id"], name="runs_of_a_recommender"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "due_at"],
                condition=Q(due_at__isnull=False),
                name="one_run_a_fire",
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(state="queued", policy__isnull=False),
                name="one_queued_run_a_policy",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}: {self.strategy} of {self.recommender.slug}"

    @property
    def finished(self) -> bool:
        """Whether it has reached a state that it will not leave."""
        return self.state in FINISHED

    @property
    def samples_per_second(self) -> float | None:
        """Samples learned by wall second; None before there is a wall time."""
        return self.samples / self.wall_seconds if self.wall_seconds else None

    def move(
        self,
        to: RunState,
        *,
        why: str = "",
        by: Any = None,
        as_attempt: int | None = None,
        **fields: Any,
    ) -> None:
        """The one door for its state: the new state and a transition row, together.

        ``as_attempt`` keeps a worker out that was given up for dead and replaced by another.
        Raises IllegalRunMove, with nothing changed.
        """
        with transaction.atomic():
            current = UpdateRun.objects.select_for_update().get(pk=self.pk)
            legal = to in MOVES[RunState(current.state)]
            if not legal or as_attempt not in (None, current.attempt):
                raise IllegalRunMove(
                    f"Run {self.pk} is {current.state} (attempt {current.attempt}); "
                    f"it cannot become {to}."
                )
            if to in FINISHED:
                fields["finished_at"] = timezone.now()
                fields.setdefault("error", why if to != RunState.PROMOTED else "")
            UpdateRun.objects.filter(pk=self.pk).update(state=to, **fields)
            RunTransition.objects.create(
                run_id=self.pk, from_state=current.state, to_state=to, why=why, by=by
            )
        self.refresh_from_db()

    def claim(self, worker: str, fences: dict[str, int], now: datetime) -> int:
        """A worker takes it: queued → running. Returns its attempt; raises IllegalRunMove."""
        self.move(
            RunState.RUNNING,
            why=f"taken by {worker}",
            as_attempt=self.attempt,
            attempt=self.attempt + 1,
            worker=worker,
            fences=fences,
            started_at=now,
        )
        return self.attempt

    def coalesce(self, fires: int) -> None:
        """Count further fires of its policy that it answers."""
        UpdateRun.objects.filter(pk=self.pk).update(coalesced_fires=F("coalesced_fires") + fires)
        self.refresh_from_db(fields=["coalesced_fires"])

    def is_of(self, attempt: int) -> bool:
        """Whether the attempt is still at work on it."""
        return self._written_by(attempt).exists()

    def note(self, attempt: int, **fields: Any) -> bool:
        """Store progress or cost of an attempt under way; false where it is not its any more."""
        return bool(self._written_by(attempt).update(**fields))

    def _written_by(self, attempt: int) -> models.QuerySet:
        return UpdateRun.objects.filter(pk=self.pk, attempt=attempt, state__in=WRITING)


class RunTransition(AppendOnly):
    """One move of a run: history, chart marks and audit in one table."""

    run = models.ForeignKey(UpdateRun, on_delete=models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=20, choices=RunState)
    to_state = models.CharField(max_length=20, choices=RunState)
    why = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.from_state} → {self.to_state}"
