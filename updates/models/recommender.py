"""A deployed model: what it learns, how its samples look, how fresh it must be."""

from collections.abc import Collection
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from simple_history.models import HistoricalRecords

from updates.learners import registry
from updates.learners.base import Learner
from updates.learners.delayed_feedback import DELAYED_FEEDBACK
from updates.learners.negative_sampling import NEGATIVE_SAMPLING
from updates.learners.options import OptionError
from updates.models.log_owner import LogOwner
from updates.models.tags import check_tags
from updates.samples.schema import SampleSchema, SchemaError
from updates.samples.slices import Slice, SliceError, slices_from_json

YEAR_SECONDS = 366 * 86_400
DAY_SECONDS = 86_400
MOST_NAMED = 100
# State of impressions lies in memory: nobody waits for a label for longer than this.
LONGEST_HORIZON_SECONDS = 60 * DAY_SECONDS


class DelayedFeedback(models.TextChoices):
    """How impressions become samples though their labels come late (docs/joiner.md)."""

    WAIT = "wait", "wait: a sample when the window has ended"
    WEIGHTED = (
        "fake_negative_weighted",
        "fake_negative_weighted: a negative at once, a positive when it comes; weighted loss",
    )
    CALIBRATION = (
        "fake_negative_calibration",
        "fake_negative_calibration: a negative at once, a positive when it comes; calibrated "
        "predictions",
    )


class WhenStale(models.TextChoices):
    SERVE = "serve", "serve: answer as ever"
    FLAG = "flag", "flag: answer, with a header that caches and proxies see"
    FALL_BACK = "fall-back", "fall back: answer with another recommender's model"


def among(pks: Collection[int]) -> Q:
    """Rows of these recommenders, where they are few; of any, where to name them all would cost
    more than to pick theirs out of what is found."""
    return Q(recommender__in=pks) if len(pks) <= MOST_NAMED else Q()


class Recommender(LogOwner):
    slug = models.SlugField(
        unique=True, max_length=60, help_text="Names it in addresses and in the API; fixed."
    )
    name = models.CharField(max_length=120, help_text="What people call it.")
    tags = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        validators=[check_tags],
        help_text="Up to 20 short lower-case names to find it by, such as its team or surface.",
    )
    learner = models.CharField(max_length=60, help_text="The kind of model.")
    learner_options = models.JSONField(
        default=dict,
        blank=True,
        help_text="Options of the learner as a JSON object; left out means its default.",
    )
    schema = models.JSONField(
        help_text="Fields of a sample by kind: user, item, categorical, numeric, multivalued, "
        "crosses."
    )
    freshness_objective_seconds = models.PositiveIntegerField(
        default=3600,
        validators=[MinValueValidator(1), MaxValueValidator(YEAR_SECONDS)],
        help_text="The live model counts as fresh while its age is at most this, in seconds.",
    )
    grace_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MaxValueValidator(YEAR_SECONDS)],
        help_text="So much older, in seconds, it is aging; beyond that, stale.",
    )
    freshness_slo = models.FloatField(
        default=0.99,
        db_default=0.99,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.9999)],
        help_text="Share of the time in which it shall be fresh or idle, 0.5 to 0.9999; the rest "
        "is its error budget.",
    )
    when_stale = models.CharField(
        max_length=20,
        choices=WhenStale,
        default=WhenStale.SERVE,
        db_default=WhenStale.SERVE,
        help_text="What requests for scores get while it is beyond objective and grace and samples "
        "wait: answers always say so; a header too, or another recommender's answer.",
    )
    fallback = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="For fall-back: the recommender that answers then. It must take the same fields.",
    )
    feature_objective_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(YEAR_SECONDS)],
        help_text="Values of features that requests carry count as fresh while at most one in "
        "twenty is older than this, in seconds. Empty: they are measured and not judged.",
    )
    component_objectives = models.JSONField(
        default=dict,
        blank=True,
        help_text="Objectives of components that have their own, in seconds, as a JSON object like "
        '{"trees": 86400}; the others have the one above.',
    )
    keep_versions = models.PositiveIntegerField(
        default=50,
        validators=[MinValueValidator(2)],
        help_text="Files of this many newest versions are kept, to roll back to; the live one's "
        "always are.",
    )
    memory_limit_bytes = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="So many bytes the live model may take in serving; when it is to be reached is "
        "forecast, and alerted a week before. Empty: no limit.",
    )
    delayed_feedback = models.CharField(
        max_length=40,
        choices=DelayedFeedback,
        default=DelayedFeedback.WAIT,
        help_text="How impressions become samples though their labels come late; fake negatives "
        "take a learner that corrects them. After a change run a full update over samples made "
        "since.",
    )
    join_window_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_HORIZON_SECONDS)],
        help_text="With wait: an impression becomes a sample so many seconds after it arrived, a "
        "negative one unless positive feedback has come by then.",
    )
    feedback_horizon_seconds = models.PositiveIntegerField(
        default=DAY_SECONDS,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_HORIZON_SECONDS)],
        help_text="So many seconds an impression is remembered; feedback after that is unknown.",
    )
    negative_sampling_rate = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(1e-4), MaxValueValidator(1.0)],
        help_text="Share of the negatives that the joiner makes samples of, only with wait; they "
        "weigh the more, and predictions are corrected.",
    )
    early_feedback_seconds = models.PositiveIntegerField(
        default=300,
        validators=[MaxValueValidator(DAY_SECONDS)],
        help_text="So many seconds feedback is kept whose impression has not come yet.",
    )
    slices = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Parts of the traffic whose quality is measured on their own, a JSON list of at "
        'most 12, like [{"name": "new-items", "new": "item", "days": 7}, {"name": "evening", '
        '"feature": "hour", "in": ["18", "19"]}, {"name": "dear", "feature": "price", '
        '"from": 100}].',
    )
    live_version = models.ForeignKey(
        "updates.ModelVersion",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(join_window_seconds__lte=F("feedback_horizon_seconds")),
                name="an_impression_is_remembered_through_its_window",
            ),
            models.CheckConstraint(
                condition=Q(negative_sampling_rate__gt=0, negative_sampling_rate__lte=1),
                name="a_sampling_rate_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def sample_schema(self) -> SampleSchema:
        """The schema as the codecs use it."""
        return SampleSchema.from_json(self.schema)

    @property
    def traffic_slices(self) -> tuple[Slice, ...]:
        """The parts of the traffic that are judged on their own."""
        return slices_from_json(self.slices, self.sample_schema)

    @property
    def learner_class(self) -> type[Learner]:
        """The registered learner; raises UnknownLearner."""
        return registry.get(self.learner)

    @property
    def device_component(self) -> str:
        """The one that its users' devices may refresh a part of; "" where there is none, and where
        its learner cannot be loaded."""
        return self.learner_class.device_component if self.component_names else ""

    @property
    def component_names(self) -> tuple[str, ...]:
        """Those of its learner; none where that cannot be loaded."""
        try:
            return self.learner_class.components
        except (registry.UnknownLearner, ImportError, AttributeError):
            return ()

    @property
    def trained_here(self) -> bool:
        """Whether recadmin itself learns and predicts with its models."""
        return bool(not self.component_names or self.learner_class.trained_here)

    @property
    def updated_here(self) -> bool:
        """Whether it has policies and runs; versions of others are reported."""
        return bool(not self.component_names or self.learner_class.updated_here)

    @property
    def logs_predictions(self) -> bool:
        """Whether its samples say what was predicted of them."""
        return self.sample_schema.prediction is not None

    @property
    def follows_predictions(self) -> bool:
        """Whether what is live is what the predictions of its own servers name."""
        return self.sample_schema.version is not None and not self.updated_here

    def new_learner(self) -> Learner:
        """An untrained learner with this recommender's schema and options."""
        return self.learner_class(self.sample_schema, self._options)

    @property
    def _options(self) -> dict[str, Any]:
        """Those given, and how samples are made where the learner has to know."""
        return {**self._told, **self.learner_options}

    @property
    def _told(self) -> dict[str, Any]:
        told = {
            DELAYED_FEEDBACK.name: str(self.delayed_feedback),
            NEGATIVE_SAMPLING.name: self.negative_sampling_rate,
        }
        asked = {option.name for option in self.learner_class.options}
        return {name: value for name, value in told.items() if name in asked}

    def objective_seconds(self, component: str) -> int:
        """At what age the component counts as fresh: its own objective, or the recommender's."""
        seconds: int = self.component_objectives.get(component, self.freshness_objective_seconds)
        return seconds

    @property
    def fake_negatives(self) -> bool:
        """Whether impressions become negatives at once, and positives follow."""
        return self.delayed_feedback != DelayedFeedback.WAIT

    def clean(self) -> None:
        errors: dict[str, Any] = self.log_errors() or self._comparison_errors()
        if self.feedback_horizon_seconds < self.join_window_seconds:
            errors["feedback_horizon_seconds"] = (
                f"Must be at least join_window_seconds ({self.join_window_seconds})."
            )
        if self.learner in registry.names() and (wrong := self._objective_error()):
            errors["component_objectives"] = wrong
        try:
            schema = SampleSchema.from_json(self.schema)
        except SchemaError as error:
            errors["schema"] = str(error)
        else:
            errors |= self._fallback_errors(schema) | self._slice_errors(schema)
            if schema.prediction and self.trained_here:
                errors["schema"] = (
                    f"schema.prediction: must be left out: recadmin itself predicts with "
                    f"{self.learner}."
                )
        if self.learner not in registry.names():
            errors["learner"] = f"Must be one of {', '.join(registry.names())}."
        elif "schema" not in errors:
            try:
                learner = self.learner_class(SampleSchema.from_json(self.schema), self._options)
                errors |= self._joining_errors(learner)
            except (OptionError, TypeError) as error:
                errors["learner_options"] = str(error)
        if errors:
            raise ValidationError(errors)

    def _comparison_errors(self) -> dict[str, str]:
        """Challengers are compared by what they predict, which of some only their trainers know."""
        if self.challenges is None:
            return {}
        for one in (self, self.challenges):
            if not one.trained_here:
                why = f"{one.slug} is {one.learner}: recadmin has no predictions of it to compare."
                return {"challenges": why}
        return {}

    def _slice_errors(self, schema: SampleSchema) -> dict[str, str]:
        try:
            slices_from_json(self.slices, schema)
        except SliceError as error:
            return {"slices": str(error)}
        return {}

    def _fallback_errors(self, schema: SampleSchema) -> dict[str, str]:
        other = self.fallback
        if other is None:
            named = self.when_stale != WhenStale.FALL_BACK
            return {} if named else {"fallback": "Name the recommender that shall answer."}
        if other.pk == self.pk and self.pk is not None:
            return {"fallback": "It cannot stand in for itself."}
        if other.challenges_id is not None:
            return {"fallback": f"{other.slug} is a challenger: it answers for no other."}
        if not other.trained_here:
            return {"fallback": f"{other.slug} is {other.learner}: recadmin has no scores of it."}
        theirs = {(field.name, field.type) for field in other.sample_schema.arrow}
        missing = sorted(f.name for f in schema.arrow if (f.name, f.type) not in theirs)
        if missing:
            why = f"{other.slug} does not take the same fields: {', '.join(missing)}."
            return {"fallback": why}
        return {}

    def _objective_error(self) -> str:
        objectives, known = self.component_objectives, self.learner_class.components
        if not isinstance(objectives, dict):
            return "Must be a JSON object: seconds by component."
        if unknown := sorted(set(objectives) - set(known)):
            return f"Unknown: {unknown}; this learner has {list(known)}."
        for name, seconds in objectives.items():
            if type(seconds) is not int or not 1 <= seconds <= YEAR_SECONDS:
                return f"{name}: must be whole seconds from 1 to {YEAR_SECONDS} (a year)."
        return ""

    def _joining_errors(self, learner: Learner) -> dict[str, str]:
        """The learner must take the samples for what the joiner makes them."""
        errors = {}
        for name, value in self._told.items():
            if learner.settings[name] != value:
                why = f"learner_options.{name}: must be left out, or {value} as there."
                errors["learner_options"] = why
        if self.fake_negatives and DELAYED_FEEDBACK.name not in self._told:
            why = f"Must be wait: {self.learner} does not correct fake negatives."
            errors["delayed_feedback"] = why
        if self.fake_negatives and self.negative_sampling_rate != 1:
            errors["negative_sampling_rate"] = "Must be 1 unless delayed_feedback is wait."
        return errors
