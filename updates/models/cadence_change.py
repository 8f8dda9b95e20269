"""The receipt of a cadence change: the next fires before and after."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from updates.models.append_only import AppendOnly
from updates.models.policy import UpdatePolicy


class CadenceChange(AppendOnly):
    policy = models.ForeignKey(
        UpdatePolicy, on_delete=models.CASCADE, related_name="cadence_changes"
    )
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    before = models.JSONField()
    after = models.JSONField()
    fires_before = models.JSONField(encoder=DjangoJSONEncoder)
    fires_after = models.JSONField(encoder=DjangoJSONEncoder)
    claimed_due_at = models.DateTimeField(
        null=True, help_text="A fire that had fallen due before the change, run and not lost."
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.policy} at {self.changed_at:%Y-%m-%d %H:%M:%S}"
