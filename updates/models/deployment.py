"""Which version was live from when to when, who moved it and why."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from updates.models.answered import Answered
from updates.models.recommender import Recommender
from updates.models.run import UpdateRun
from updates.models.version import ModelVersion


class DeploymentKind(models.TextChoices):
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    # Only until the version that was live is made again without what is quarantined.
    REWIND = "rewind"
    # The live version as it is, without what was learned online: a guardrail was broken.
    FREEZE = "freeze"


class Deployment(Answered):
    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="deployments"
    )
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    previous = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=20, choices=DeploymentKind)
    reason = models.TextField()
    moved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        help_text="Empty where a policy's run promoted it.",
    )
    run = models.ForeignKey(UpdateRun, null=True, on_delete=models.SET_NULL)
    epoch = models.PositiveBigIntegerField(
        default=0,
        help_text="The deployment that began the present line of online learning: what was "
        "learned online before it is not served after it.",
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender"],
                condition=Q(ended_at__isnull=True),
                name="one_open_deployment_a_recommender",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="a_deployment_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} by {self.kind} at {self.started_at:%Y-%m-%d %H:%M:%S}"
