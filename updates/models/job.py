"""Long work that publishes nothing and holds no lease: asked for, taken by one worker, ended."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

QUEUED, RUNNING, FAILED = "queued", "running", "failed"
UNDER_WAY = (QUEUED, RUNNING)


class Job(models.Model):
    """One piece of it. Every move is a conditional update that one caller wins.

    task : name of the Celery task that sees one through, given its key. word : tells its keys in
    Valkey from those of other kinds.
    """

    task: ClassVar[str]
    word: ClassVar[str]

    state = models.CharField(max_length=20, default=QUEUED)
    outcome = models.TextField(blank=True, help_text="The outcome in a sentence.")
    samples = models.PositiveBigIntegerField(default=0, help_text="Samples learned again.")
    cpu_seconds = models.FloatField(default=0.0)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    requested_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        ordering = ["-id"]

    @property
    def under_way(self) -> bool:
        """Whether its outcome is still to come."""
        return self.state in UNDER_WAY

    def claim(self) -> bool:
        """A worker takes it: queued → running; false where another one was first."""
        return self._update([QUEUED], state=RUNNING)

    def note(self, *, samples: int, cpu_seconds: float) -> bool:
        """Store how far it is; false where it is not running any more."""
        return self._update([RUNNING], samples=samples, cpu_seconds=cpu_seconds)

    def end(self, state: str, outcome: str, **found: Any) -> bool:
        """Running → its outcome; false where it has one, which then stays.

        found : fields of what came of it.
        """
        return self._end([RUNNING], state=state, outcome=outcome, **found)

    def _end(self, expected: list[str], **fields: Any) -> bool:
        return self._update(expected, finished_at=timezone.now(), **fields)

    def _update(self, expected: list[str], **fields: Any) -> bool:
        found = type(self)._default_manager.filter(pk=self.pk, state__in=expected)
        return bool(found.update(**fields))
