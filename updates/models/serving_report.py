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
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "process"], name="one_report_a_serving_process"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process} serves {self.served}"
