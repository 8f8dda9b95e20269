"""Births and deaths of features from one live version to the next."""

from typing import Any

from django.db import models

from updates.models import Deployment, Recommender


class FeatureTurnover(models.Model):
    """Features that came, went and came back when a version went live.

    Examples are {field, value, weight}, the heaviest first; of the dead, the weight that they had.
    """

    deployment = models.OneToOneField(
        Deployment, primary_key=True, on_delete=models.CASCADE, related_name="turnover"
    )
    born = models.PositiveBigIntegerField()
    died = models.PositiveBigIntegerField()
    reborn = models.PositiveBigIntegerField()
    born_examples = models.JSONField(default=list)
    died_examples = models.JSONField(default=list)
    reborn_examples = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"deployment {self.deployment_id}: +{self.born} −{self.died} ↺{self.reborn}"

    @property
    def examples(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Those of each kind, under its name."""
        return [
            ("Born", self.born_examples),
            ("Died", self.died_examples),
            ("Reborn", self.reborn_examples),
        ]


class DeadFeatures(models.Model):
    """How far births and deaths of a recommender's features are counted, and the dead."""

    recommender = models.OneToOneField(
        Recommender, primary_key=True, on_delete=models.CASCADE, related_name="dead_features"
    )
    counted_to = models.PositiveBigIntegerField(help_text="The last deployment that is counted.")
    keys = models.BinaryField(
        default=bytes, help_text="64-bit keys, little-endian, in the order in which they died."
    )

    def __str__(self) -> str:
        return f"{self.recommender_id} to deployment {self.counted_to}"
