"""At most one writer a recommender component, by lease and fence number."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q, Sum

from updates.models.recommender import Recommender
from updates.models.run import WRITING, UpdateRun

LEASE_SECONDS = 10


class LeaseLost(RuntimeError):
    """Another writer has taken the component: this one may publish nothing."""


class ComponentLease(models.Model):
    """The writer of one component; its fence grows with every change of hands."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="leases")
    component = models.CharField(max_length=60)
    run = models.ForeignKey(UpdateRun, null=True, on_delete=models.SET_NULL)
    fence = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    wanted_by = models.ForeignKey(
        UpdateRun,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="An update that has a version ready, for which an online session makes way.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "component"], name="one_lease_a_component"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recommender.slug}/{self.component} fence {self.fence}"

    @classmethod
    def acquire(
        cls,
        run: UpdateRun,
        components: Iterable[str],
        now: datetime,
        seconds: float = LEASE_SECONDS,
    ) -> dict[str, int] | None:
        """Take all of them for the run, or none: fences by component, None where one is held."""
        with transaction.atomic():
            fences = {}
            for component in sorted(components):
                lease, _ = cls.objects.get_or_create(
                    recommender_id=run.recommender_id, component=component
                )
                free = Q(run__isnull=True) | Q(expires_at__lte=now) | Q(run=run)
                taken = cls.objects.filter(free, pk=lease.pk, fence=lease.fence).update(
                    run=run,
                    fence=lease.fence + 1,
                    expires_at=now + timedelta(seconds=seconds),
                )
                if not taken:
                    transaction.set_rollback(True)
                    return None
                fences[component] = lease.fence + 1
            return fences

    @classmethod
    def want(cls, run: UpdateRun, components: Iterable[str]) -> None:
        """Ask whoever holds these components to make way for the run."""
        cls.objects.filter(recommender_id=run.recommender_id, component__in=components).update(
            wanted_by=run
        )

    @classmethod
    def wanter(cls, run: UpdateRun) -> UpdateRun | None:
        """The update at work that wants what this run holds, if any."""
        wanted = cls.objects.filter(
            recommender_id=run.recommender_id,
            component__in=run.components,
            wanted_by__state__in=WRITING,
        ).exclude(wanted_by=run)
        lease = wanted.select_related("wanted_by").first()
        return lease.wanted_by if lease else None

    @classmethod
    def renew(
        cls,
        run: UpdateRun,
        fences: dict[str, int],
        now: datetime,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        """Hold on for so many more seconds; raises LeaseLost."""
        expires_at = now + timedelta(seconds=seconds)
        if cls._held(run, fences).update(expires_at=expires_at) != len(fences):
            raise LeaseLost(f"Run {run.pk} lost its lease on {', '.join(fences)}.")

    @classmethod
    def changes_of_hands(cls, recommender: Recommender) -> int:
        """Of all components together: grows whenever a writer takes one."""
        components = recommender.learner_class.components
        leases = cls.objects.filter(recommender=recommender, component__in=components)
        total: int = leases.aggregate(total=Sum("fence"))["total"] or 0
        return total

    @classmethod
    def verify(cls, run: UpdateRun, fences: dict[str, int]) -> None:
        """Inside the publishing transaction: still the writer. Raises LeaseLost."""
        if cls._held(run, fences).select_for_update().count() != len(fences):
            raise LeaseLost(f"Run {run.pk} lost its lease on {', '.join(fences)}.")

    @classmethod
    def release(cls, run: UpdateRun, fences: dict[str, int]) -> None:
        """Let go, if still held."""
        cls._held(run, fences).update(run=None, expires_at=None)

    @classmethod
    def _held(cls, run: UpdateRun, fences: dict[str, int]) -> models.QuerySet:
        mine = Q()
        for component, fence in fences.items():
            mine |= Q(component=component, fence=fence)
        return cls.objects.filter(mine, recommender_id=run.recommender_id, run=run)
