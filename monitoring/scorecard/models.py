"""What became of drift alarms."""

from django.db import models

from updates.models import Recommender


class Verdict(models.TextChoices):
    TRUE = "true", "true: the log loss rose"
    FALSE = "false", "false: it did not"
    UNSETTLED = "unsettled", "unsettled: not known yet, or with settled_at never"


class DriftEpisode(models.Model):
    """One time that a drift alarm was on, and what the loss of what was live did.

    delay_seconds : from the rise of the loss to the alarm; negative where the alarm came first.
    """

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="drift_episodes"
    )
    feature = models.CharField(max_length=200)
    began = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    measured = models.TextField(help_text="What raised the alarm, in a sentence.")
    settled_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict, default=Verdict.UNSETTLED)
    delay_seconds = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "feature", "began"], name="an_episode_begins_once"
            ),
        ]
        indexes = [
            models.Index(fields=["began"], name="episodes_by_time"),
            models.Index(
                fields=["began"], condition=models.Q(settled_at=None), name="episodes_to_settle"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} of {self.recommender_id} from {self.began}: {self.verdict}"

    @property
    def about(self) -> str:
        """What it is an alarm on, without the quotation marks of what is no feature."""
        return self.feature.strip('"')
