"""What is kept of judged samples: windows over all and by slice, moments of losses, values met."""

from django.db import models

from updates.models import Recommender


class LiveScoring(models.Model):
    """How far the live version has been judged on arriving samples, and the window being filled."""

    recommender = models.OneToOneField(
        Recommender, primary_key=True, on_delete=models.CASCADE, related_name="live_scoring"
    )
    next_offset = models.PositiveBigIntegerField(help_text="The first offset not yet judged.")
    window = models.JSONField(
        default=list, help_text="[label, prediction, weight] of samples judged, not yet recorded."
    )
    losses = models.JSONField(default=dict, help_text="State of ADWIN on their log losses.")

    def __str__(self) -> str:
        return f"{self.recommender_id} from {self.next_offset}"


class SliceWindow(models.Model):
    """Judged samples of a slice that are not enough yet to be recorded."""

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="slice_windows"
    )
    name = models.CharField(max_length=60)
    window = models.JSONField(default=list, help_text="[label, prediction, weight] of each.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recommender", "name"], name="one_window_a_slice"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.recommender_id}"


class LossCell(models.Model):
    """Moments of the log losses (nats) of what was judged in one minute; rows count alike."""

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="loss_cells"
    )
    at = models.DateTimeField(help_text="Start of the minute.")
    samples = models.PositiveIntegerField(default=0)
    positives = models.PositiveIntegerField(default=0)
    loss = models.FloatField(default=0.0, help_text="Sum of the losses.")
    squares = models.FloatField(default=0.0, help_text="Sum of their squares.")
    loss_of_positives = models.FloatField(default=0.0, help_text="Sum over samples of label 1.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recommender", "at"], name="one_loss_cell_a_minute"),
        ]
        indexes = [models.Index(fields=["at"], name="loss_cells_by_time")]

    def __str__(self) -> str:
        return f"{self.recommender_id} at {self.at}: {self.samples} samples"


class FirstMet(models.Model):
    """When the values of one field were first met; what it means is said by ``first_met``."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="first_met")
    field = models.CharField(max_length=200)
    next_offset = models.PositiveBigIntegerField(default=1, help_text="The first not looked at.")
    caught_up = models.BooleanField(
        default=False, help_text="Whether the log as it was before has been looked at."
    )
    body = models.BinaryField(default=bytes)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recommender", "field"], name="first_met_once_a_field"),
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.recommender_id} to {self.next_offset}"
