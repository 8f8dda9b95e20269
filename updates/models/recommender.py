"""A deployed model: what it learns, how its samples look, how fresh it must be."""

from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from updates.learners import registry
from updates.learners.base import Learner
from updates.learners.options import OptionError
from updates.samples.schema import SampleSchema, SchemaError

YEAR_SECONDS = 366 * 86_400


class Recommender(models.Model):
    slug = models.SlugField(
        unique=True, max_length=60, help_text="Names it in addresses and in the API; fixed."
    )
    name = models.CharField(max_length=120, help_text="What people call it.")
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
    keep_versions = models.PositiveIntegerField(
        default=50,
        validators=[MinValueValidator(2)],
        help_text="Files of this many newest versions are kept, to roll back to; the live one's "
        "always are.",
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

    def __str__(self) -> str:
        return self.name

    @cached_property
    def sample_schema(self) -> SampleSchema:
        """The schema as the codecs use it."""
        return SampleSchema.from_json(self.schema)

    @property
    def learner_class(self) -> type[Learner]:
        """The registered learner; raises UnknownLearner."""
        return registry.get(self.learner)

    def new_learner(self) -> Learner:
        """An untrained learner with this recommender's schema and options."""
        return self.learner_class(self.sample_schema, self.learner_options)

    @property
    def stream_key(self) -> str:
        """Prefix of its Valkey keys; the braces keep them in one hash slot."""
        return f"recadmin:{{r{self.pk}}}"

    def clean(self) -> None:
        errors: dict[str, Any] = {}
        try:
            SampleSchema.from_json(self.schema)
        except SchemaError as error:
            errors["schema"] = str(error)
        if self.learner not in registry.names():
            errors["learner"] = f"Must be one of {', '.join(registry.names())}."
        elif "schema" not in errors:
            try:
                self.learner_class(SampleSchema.from_json(self.schema), self.learner_options)
            except (OptionError, TypeError) as error:
                errors["learner_options"] = str(error)
        if errors:
            raise ValidationError(errors)
