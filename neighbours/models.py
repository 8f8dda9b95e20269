"""What neighbours are to be told, what they have been told, and what stood in the way."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from updates.models import ModelVersion, Recommender, UpdateRun

# A caller that has not come back by then has died.
TELLING_MAY_TAKE = timedelta(minutes=5)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=10), timedelta(minutes=30)


class NeighbourName(models.TextChoices):
    MLFLOW = "mlflow", "MLflow"
    OPENLINEAGE = "openlineage", "OpenLineage"


def _retry(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures - 1, 10))


class Neighbour(models.Model):
    """How telling one of them goes. A neighbour that does not answer is left alone for longer and
    longer; meanwhile what it is to be told waits."""

    name = models.CharField(max_length=20, primary_key=True, choices=NeighbourName)
    noticed_to = models.PositiveBigIntegerField(
        null=True,
        help_text="What has an id up to this one has been noticed, and waits or is told; empty: "
        "nothing was looked for yet.",
    )
    compared_to = models.PositiveBigIntegerField(
        default=0, help_text="Where comparing what was told with what is goes on."
    )
    claimed_until = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    error = models.TextField(blank=True, help_text="The last one; empty once it has answered.")
    failed_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.get_name_display()

    def claim(self, now: datetime) -> bool:
        """True for one caller at a time, and for none before it is time to try again."""
        free = Q(claimed_until=None) | Q(claimed_until__lte=now)
        due = Q(retry_at=None) | Q(retry_at__lte=now)
        return bool(
            Neighbour.objects.filter(free, due, pk=self.pk).update(
                claimed_until=now + TELLING_MAY_TAKE
            )
        )

    def answered(self) -> None:
        """It took something: what stood in the way is over."""
        self.note(failures=0, error="", retry_at=None, told_at=timezone.now())

    def failed(self, error: str) -> None:
        """It did not answer, or takes nothing from us: wait."""
        now, failures = timezone.now(), self.failures + 1
        wait = _retry(failures)
        self.note(failures=failures, error=error, failed_at=now, retry_at=now + wait)

    def release(self) -> None:
        """The caller is done."""
        self.note(claimed_until=None)

    def note(self, **fields: object) -> None:
        """Store how it goes."""
        Neighbour.objects.filter(pk=self.pk).update(**fields)
        for name, value in fields.items():
            setattr(self, name, value)


class Untold(models.Model):
    """Something that a neighbour is to be told; what is refused is tried again by itself, so that
    it holds nothing else up."""

    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    retry_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        abstract = True

    def refused(self, error: str) -> None:
        """The neighbour answered that it will not have it so."""
        failures = self.failures + 1
        retry_at = timezone.now() + _retry(failures)
        self.note(failures=failures, retry_at=retry_at, error=error)

    def note(self, **fields: object) -> None:
        """Store what became of it."""
        type(self).objects.filter(pk=self.pk).update(**fields)
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def due(cls, now: datetime) -> Q:
        """Those that need not wait."""
        return Q(retry_at=None) | Q(retry_at__lte=now)


class MirroredVersion(Untold):
    """A version as MLflow knows it: a run, and a version of the registered model."""

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="mirrored")
    mlflow_run_id = models.CharField(max_length=64, blank=True)
    mlflow_model = models.CharField(max_length=256, blank=True)
    mlflow_version = models.CharField(max_length=20, blank=True)
    told_state = models.CharField(max_length=20, blank=True, help_text="What its tag says.")
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], condition=Q(told_at__isnull=True), name="versions_not_mirrored"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} in MLflow"


class MirroredAlias(Untold):
    """The version that a registered model's alias ``live`` was last moved to."""

    recommender = models.OneToOneField(
        Recommender, on_delete=models.CASCADE, related_name="mirrored_alias"
    )
    version = models.ForeignKey(
        MirroredVersion, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return f"alias of {self.recommender.slug} in MLflow"


class ImportedVersion(models.Model):
    """Where a version comes from that MLflow had first: such are not mirrored back."""

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="imported")
    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="+")
    mlflow_model = models.CharField(max_length=256)
    mlflow_version = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "mlflow_model", "mlflow_version"],
                name="a_version_is_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} from MLflow's {self.mlflow_model} {self.mlflow_version}"


class FollowedAlias(models.Model):
    """Where an alias pointed when it was last followed: only its next move moves anything here."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="+")
    mlflow_model = models.CharField(max_length=256)
    alias = models.CharField(max_length=256)
    mlflow_version = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "mlflow_model", "alias"], name="an_alias_is_followed_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mlflow_model}@{self.alias} for {self.recommender.slug}"


class LineageRun(Untold):
    """A run as the lineage backend knows it: up to which of its moves it has been told."""

    run = models.OneToOneField(UpdateRun, on_delete=models.CASCADE, related_name="lineage")
    told_to = models.PositiveBigIntegerField(default=0, help_text="Id of the run's transition.")
    ended = models.BooleanField(default=False, help_text="Its last event was sent.")

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(ended=False), name="runs_not_ended_in_lineage"),
        ]

    def __str__(self) -> str:
        return f"lineage of {self.run}"

    @classmethod
    def with_news(cls) -> models.QuerySet[LineageRun]:
        """Those whose run has moved since, oldest first."""
        moved = cls.objects.filter(ended=False, run__transitions__id__gt=F("told_to"))
        return moved.distinct().order_by("run_id")
