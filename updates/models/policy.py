"""What to update, how, when, from which data and under which guardrails."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from updates.cadence import Cadence, CadenceError, Trigger
from updates.learners.base import Learner
from updates.models.component_rules import component_errors, conflicts, replay_errors
from updates.models.policy_bounds import BOUNDS
from updates.models.policy_canary import CanaryFields, canary_errors
from updates.models.policy_guardrails import Guardrails
from updates.models.recommender import DAY_SECONDS, Recommender
from updates.strategies.local import begins_anew


class Strategy(models.TextChoices):
    FULL = "full", "full: train anew over a window"
    INCREMENTAL = "incremental", "incremental: learn the new samples on top of the live version"
    ONLINE = "online", "online: learn each sample as it arrives"
    LOCAL = "local", "local: update some components, let the others be"
    CLIENT = "client", "client: users' devices refresh their own vectors"


# What workers execute; devices do the rest.
EXECUTED = [strategy for strategy in Strategy if strategy != Strategy.CLIENT]
# Strategies that never rest: no trigger makes them due.
CONTINUOUS = [Strategy.ONLINE, Strategy.CLIENT]


class Sends(models.TextChoices):
    """What leaves a device."""

    INTERACTIONS = "interactions", "interactions: what the user did, and the vector it led to"
    VECTOR = "vector", "vector: the vector alone; what the user did stays on the device"


TRIGGER_LABELS = [
    (Trigger.INTERVAL, "interval: every so many seconds"),
    (Trigger.CRON, "cron: at the times of a cron expression"),
    (Trigger.SAMPLES, "samples: every so many new samples"),
    (Trigger.DRIFT, "drift: when an alarm on drift or on a risen log loss begins"),
    (Trigger.STALENESS, "staleness: before the freshness objective is missed"),
    (Trigger.MANUAL, "manual: only when asked"),
    (Trigger.CONTINUOUS, "continuous: always, for strategies online and client"),
]


# How often an online session sends, keeps and judges what it has learned.
ONLINE_CADENCE = ["sync_interval_ms", "checkpoint_seconds", "version_every_minutes"]
# What devices are told.
CLIENT_FIELDS = ["refresh_seconds", "sends", "offline_seconds", "privacy_note"]


class UpdatePolicy(CanaryFields, Guardrails):
    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="policies")
    name = models.SlugField(max_length=60)
    strategy = models.CharField(max_length=20, choices=Strategy)
    components = models.JSONField(
        default=list,
        blank=True,
        help_text="Parts of the model to update; empty means all. Strategy local names some.",
    )
    trigger = models.CharField(max_length=20, choices=TRIGGER_LABELS, default=Trigger.INTERVAL)
    interval_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=BOUNDS["interval_seconds"].validators,
        help_text="For trigger interval: seconds between two updates.",
    )
    cron = models.CharField(
        max_length=100,
        blank=True,
        help_text="For trigger cron: minute hour day month weekday, e.g. “0 3 * * *”.",
    )
    timezone = models.CharField(
        max_length=60, default="UTC", help_text="Time zone that the cron expression is read in."
    )
    every_samples = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=BOUNDS["every_samples"].validators,
        help_text="For trigger samples: an update each time so many samples have arrived.",
    )
    rest_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=BOUNDS["rest_seconds"].validators,
        help_text="For trigger drift: seconds from one update to the next at least, however many "
        "alarms begin.",
    )
    max_ne_degradation = models.FloatField(
        null=True,
        blank=True,
        verbose_name="Max NE degradation",
        validators=BOUNDS["max_ne_degradation"].validators,
        help_text="For trigger staleness: also an update once normalized entropy on arriving "
        "samples is worse by more than this share than after the live version's promotion, beyond "
        "noise; e.g. 0.01. Empty: quality is not looked at.",
    )
    window_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=BOUNDS["window_seconds"].validators,
        help_text="For strategies full and local: train on the event times of the last so many "
        "seconds. Empty means the whole log for full; for local, that its components learn on.",
    )
    replay_fraction = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(10.0)],
        help_text="For strategy incremental: older samples learned again for each new one, "
        "against forgetting.",
    )
    sync_interval_ms = models.PositiveIntegerField(
        default=100,
        validators=BOUNDS["sync_interval_ms"].validators,
        help_text="For strategy online: milliseconds between two sendings of changed weights to "
        "serving.",
    )
    checkpoint_seconds = models.PositiveIntegerField(
        default=10,
        validators=BOUNDS["checkpoint_seconds"].validators,
        help_text="For strategy online: seconds between two checkpoints; after a crash, what was "
        "learned since the last one is learned again from the log.",
    )
    version_every_minutes = models.FloatField(
        default=10.0,
        validators=BOUNDS["version_every_minutes"].validators,
        help_text="For strategy online: minutes until the running model, judged by its "
        "guardrails, becomes a version.",
    )
    refresh_seconds = models.PositiveIntegerField(
        default=10,
        validators=BOUNDS["refresh_seconds"].validators,
        help_text="For strategy client: seconds that a device collects interactions before it "
        "sends them. Its own recommendations change at once, whatever this is.",
    )
    sends = models.CharField(
        max_length=20,
        choices=Sends,
        default=Sends.INTERACTIONS,
        help_text="For strategy client: what leaves the device. With the vector alone the server "
        "never learns what the user did, and its items learn nothing from it.",
    )
    offline_seconds = models.PositiveIntegerField(
        default=7 * DAY_SECONDS,
        validators=BOUNDS["offline_seconds"].validators,
        help_text="For strategy client: how old an interaction may be when it arrives; a device "
        "that was offline for longer leaves out what is older.",
    )
    privacy_note = models.TextField(
        blank=True,
        max_length=2_000,
        help_text="For strategy client: what the app tells its users of what is kept and sent; "
        "devices get it with their policy.",
    )
    enabled = models.BooleanField(default=True, help_text="A policy that is off fires nothing.")
    hold_reason = models.TextField(
        blank=True, editable=False, help_text="Why a rollback holds it; empty means not held."
    )
    hold_until = models.DateTimeField(
        null=True,
        editable=False,
        help_text="When the hold ends by itself; empty: when somebody lifts it.",
    )
    next_due_at = models.DateTimeField(null=True, editable=False)
    last_due_at = models.DateTimeField(null=True, editable=False)
    fired_through_offset = models.PositiveBigIntegerField(default=0, editable=False)
    skipped_fires = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(
        excluded_fields=["next_due_at", "last_due_at", "fired_through_offset", "skipped_fires"]
    )

    class Meta:
        ordering = ["recommender", "name"]
        verbose_name_plural = "update policies"
        indexes = [
            # For the tick: which timed policies are due.
            models.Index(
                fields=["next_due_at"],
                condition=Q(next_due_at__isnull=False, enabled=True, hold_reason=""),
                name="policies_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "name"], name="one_policy_of_a_name_a_recommender"
            ),
            models.CheckConstraint(
                condition=Q(min_calibration__lt=F("max_calibration")),
                name="lowest_calibration_is_below_the_highest",
            ),
            *(bounds.constraint(field) for field, bounds in BOUNDS.items()),
        ]

    def __str__(self) -> str:
        return f"{self.recommender.slug}/{self.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new policy is put on the schedule from now; flows/create_policy has more to do."""
        if self._name_continuous() and (named := kwargs.get("update_fields")):
            kwargs["update_fields"] = {*named, "trigger"}
        if self._state.adding and self.next_due_at is None:
            self.reschedule()
        super().save(*args, **kwargs)

    @property
    def cadence(self) -> Cadence:
        """When it fires, as a value."""
        return Cadence(
            trigger=Trigger(self.trigger),
            interval_seconds=self.interval_seconds,
            cron=self.cron,
            timezone=self.timezone,
            every_samples=self.every_samples,
            rest_seconds=self.rest_seconds,
            max_ne_degradation=self.max_ne_degradation,
        )

    @property
    def active(self) -> bool:
        """Whether it may fire: enabled and not held by a rollback."""
        return self.enabled and not self.hold_reason

    @property
    def effective_components(self) -> list[str]:
        """What it names, or all of the learner's; of those that samples do not move only what a
        full or local update trains anew."""
        if self.strategy == Strategy.CLIENT:
            return [self.learner.device_component]
        named = self.components or self.learner.components
        if self.strategy in (Strategy.FULL, Strategy.LOCAL):
            return list(named)
        return list(self.learner.moved(named))

    @property
    def objective_seconds(self) -> int:
        """The strictest freshness objective of what it updates."""
        return min(map(self.recommender.objective_seconds, self.effective_components))

    @property
    def begins_anew(self) -> bool:
        """Whether its components are trained from nothing, rather than going on."""
        if self.strategy == Strategy.LOCAL:
            return begins_anew(self.learner, self.components, self.window_seconds)
        return self.strategy == Strategy.FULL

    @property
    def learner(self) -> type[Learner]:
        return self.recommender.learner_class

    def clean(self) -> None:
        self._name_continuous()
        errors: dict[str, Any] = self._continuous_errors() | canary_errors(self)
        try:
            self.cadence.validate()
        except CadenceError as error:
            errors[error.field] = str(error)
        if self.recommender_id:
            errors |= component_errors(self) or conflicts(self)
            errors |= replay_errors(self)
        if self.min_calibration >= self.max_calibration:
            errors["max_calibration"] = f"Must be above min_calibration ({self.min_calibration})."
        if errors:
            raise ValidationError(errors)

    def _name_continuous(self) -> bool:
        """Fill in the trigger that a form or a client leaves out: there is no interval to name."""
        left_out = self.strategy in CONTINUOUS and self.cadence == Cadence(Trigger.INTERVAL)
        if left_out:
            self.trigger = Trigger.CONTINUOUS
        return left_out

    def _continuous_errors(self) -> dict[str, str]:
        if self.strategy not in CONTINUOUS:
            wrong = self.trigger == Trigger.CONTINUOUS
            return {"trigger": "Continuous is for strategies online and client."} if wrong else {}
        errors = {}
        if self.trigger not in (Trigger.CONTINUOUS, Trigger.MANUAL):
            what = "it learns whenever samples arrive"
            if self.strategy == Strategy.CLIENT:
                what = "devices learn whenever their users do something"
            errors["trigger"] = f"Policies of {self.strategy} are continuous, or manual: {what}."
        if self.recommender_id and (why := self._impossible() or self._second()):
            errors["strategy"] = why
        return errors

    def _impossible(self) -> str:
        """Why the learner cannot do what is asked."""
        name = self.recommender.learner
        if self.strategy == Strategy.ONLINE and not self.learner.supports_delta:
            return (
                f"{name} cannot learn online: it does not learn sample by sample, or cannot send "
                "what changed to serving."
            )
        if self.strategy == Strategy.CLIENT and not self.learner.device_component:
            return f"{name} has no vectors of users that devices could refresh."
        return ""

    def _second(self) -> str:
        others = UpdatePolicy.objects.filter(
            recommender_id=self.recommender_id, strategy=self.strategy
        )
        if not others.exclude(pk=self.pk).exists():
            return ""
        if self.strategy == Strategy.ONLINE:
            return "There is an online policy already: one learner learns."
        return "There is a client policy already: devices are told one thing."

    def reschedule(self) -> None:
        """Begin its schedule anew from now (in memory; the caller saves)."""
        self.next_due_at = self.cadence.first_fire(timezone.now())

    def claim(self, due_at: datetime, next_due_at: datetime | None) -> bool:
        """Take the fire that is due: true for exactly one caller, however many try."""
        return bool(
            UpdatePolicy.objects.filter(
                pk=self.pk, next_due_at=due_at, enabled=True, hold_reason=""
            ).update(next_due_at=next_due_at, last_due_at=due_at)
        )

    def claim_offset(self, through: int) -> bool:
        """Take the fire of trigger samples up to that offset: true for exactly one caller."""
        return bool(
            UpdatePolicy.objects.filter(
                pk=self.pk,
                fired_through_offset=self.fired_through_offset,
                enabled=True,
                hold_reason="",
            ).update(fired_through_offset=through)
        )

    def claim_rest(self, now: datetime, rest: timedelta) -> bool:
        """Fire now and then rest so long: true for exactly one caller, false during a rest."""
        if self.next_due_at and self.next_due_at > now:
            return False
        return bool(
            UpdatePolicy.objects.filter(
                pk=self.pk, next_due_at=self.next_due_at, enabled=True, hold_reason=""
            ).update(next_due_at=now + rest, last_due_at=now)
        )

    def skip(self, fires: int = 1) -> None:
        """Count fires that found nothing new to learn."""
        UpdatePolicy.objects.filter(pk=self.pk).update(skipped_fires=F("skipped_fires") + fires)
