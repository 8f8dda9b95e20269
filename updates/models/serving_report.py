"""What each serving process serves, so that one that lags or refuses an artifact is seen."""

from django.db import models

from updates.models.recommender import Recommender
from updates.models.version import ModelVersion


class ServingReport(models.Model):
    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="serving_reports"
    )
    process = models.CharField(max_length=120, help_text="host:pid")
    wanted = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    served = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="+")
    error = models.TextField(blank=True, help_text="Why the wanted version is not served.")
    offset = models.PositiveBigIntegerField(
        null=True, help_text="Last offset that the served weights have learned."
    )
    sequence = models.PositiveBigIntegerField(
        null=True, help_text="Number of the newest delta applied; empty where none was."
    )
    gaps_healed = models.PositiveIntegerField(
        default=0, help_text="How often it missed deltas and caught up from a checkpoint."
    )
    synced_at = models.DateTimeField(
        null=True, help_text="When it last had everything that had been sent to serving."
    )
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "process"], name="one_report_a_serving_process"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process} serves {self.served}"
