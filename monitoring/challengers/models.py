"""What is kept of a comparison: how far it is, sums by the hour, what sessions predicted."""

from django.db import models

from updates.models import Recommender


class Comparison(models.Model):
    """How far a challenger has been compared with its champion."""

    challenger = models.OneToOneField(
        Recommender, primary_key=True, on_delete=models.CASCADE, related_name="comparison"
    )
    next_offset = models.PositiveBigIntegerField(
        default=1, help_text="The first offset not yet compared."
    )

    def __str__(self) -> str:
        return f"{self.challenger_id} from {self.next_offset}"


class ComparedHour(models.Model):
    """Sums over the samples that both sides predicted, of one hour; after a week of a whole day."""

    challenger = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="compared_hours"
    )
    at = models.DateTimeField(help_text="Start of the hour, or of the day.")
    samples = models.BigIntegerField(default=0)
    positives = models.BigIntegerField(default=0)
    weight = models.FloatField(default=0.0, help_text="Sum of the samples' weights.")
    clicks = models.FloatField(default=0.0, help_text="Weighted sum of the labels.")
    champion_loss = models.FloatField(
        default=0.0, help_text="Weighted sum of the champion's log losses, in nats."
    )
    challenger_loss = models.FloatField(default=0.0)
    differences = models.BinaryField(
        help_text="float64 by group of users: weighted sum of challenger's less champion's losses."
    )
    weights = models.BinaryField(help_text="float64 by group of users: sum of the weights.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["challenger", "at"], name="one_compared_hour_an_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.challenger_id} at {self.at}: {self.samples} samples"


class Foretold(models.Model):
    """What an online session predicted of consecutive samples before it learned them; kept until
    it has been compared, where the recommender challenges or is challenged."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="foretold")
    first_offset = models.PositiveBigIntegerField()
    last_offset = models.PositiveBigIntegerField()
    offsets = models.BinaryField(help_text="int64, rising: what is quarantined is missing.")
    predictions = models.BinaryField(help_text="float64, of each.")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "first_offset"], name="foretold_once_from_an_offset"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recommender_id} {self.first_offset}–{self.last_offset}"
