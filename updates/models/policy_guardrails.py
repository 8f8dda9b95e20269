"""What the candidates of a policy must fulfil to be promoted, and running models to be served."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

# As policies, the API and the admin list them.
GUARDRAILS = [
    "min_samples",
    "holdout_samples",
    "max_ne_increase",
    "max_slice_ne_increase",
    "min_calibration",
    "max_calibration",
    "max_score_shift",
    "max_deployed_bytes",
    "max_score_ms",
]


class Guardrails(models.Model):
    """Guardrails of an update policy."""

    min_samples = models.PositiveIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text="Guardrail: with fewer samples to learn from, nothing is promoted.",
    )
    holdout_samples = models.PositiveIntegerField(
        default=1000,
        help_text="The newest samples, at most so many and at most a fifth of the new ones, "
        "judge the candidate before it learns them.",
    )
    max_ne_increase = models.FloatField(
        default=0.01,
        validators=[MinValueValidator(0.0)],
        help_text="Guardrail: rejected when its normalized entropy exceeds the live version's by "
        "more than this share, beyond sampling noise.",
    )
    max_slice_ne_increase = models.FloatField(
        null=True,
        blank=True,
        verbose_name="Max slice NE increase",
        validators=[MinValueValidator(0.0)],
        help_text="Guardrail: rejected when on any slice of the recommender its normalized entropy "
        "exceeds the live version's by more than this share, beyond sampling noise. Slices of new "
        "values are left out. Empty: slices are not looked at.",
    )
    min_calibration = models.FloatField(
        default=0.5,
        validators=[MinValueValidator(0.0)],
        help_text="Guardrail: lowest allowed sum of predictions ÷ sum of labels.",
    )
    max_calibration = models.FloatField(
        default=2.0,
        validators=[MinValueValidator(0.0)],
        help_text="Guardrail: highest allowed sum of predictions ÷ sum of labels.",
    )
    max_score_shift = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Guardrail: highest allowed Jensen–Shannon distance, 0 to 1, between its scores "
        "and the live version's of the same samples. Empty: any.",
    )
    max_deployed_bytes = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Guardrail: most bytes that serving may have to load. Empty: any.",
    )
    max_score_ms = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text="Guardrail: milliseconds that scoring 100 rows may take on the worker, the "
        "median of nine. Empty: any.",
    )

    class Meta:
        abstract = True
