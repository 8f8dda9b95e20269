"""Who changed what, when and why: kept when what was changed, or who changed it, is gone."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, NoReturn, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from updates.models.append_only import AppendOnly, AppendOnlyError, AppendOnlyQuerySet


class Action(models.TextChoices):
    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    TRIGGERED = "triggered"
    CANCELLED = "cancelled"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"
    FROZEN = "frozen"
    THAWED = "thawed"
    CANARY_BEGAN = "canary-began"
    CANARY_ENDED = "canary-ended"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"


class ActorKind(models.TextChoices):
    PERSON = "person"
    POLICY = "policy"
    SYSTEM = "system"


class AuditQuerySet(AppendOnlyQuerySet):
    def search(
        self,
        *,
        q: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        **fields: str,
    ) -> Self:
        """Those with these values of fields, made from ``since`` to before ``until``, in whose
        actor, subject, recommender or reason ``q`` stands."""
        found = self.filter(**fields)
        if q:
            named = ("actor", "subject", "recommender", "why")
            found = found.filter(reduce(or_, (Q(**{f"{n}__icontains": q}) for n in named)))
        if since:
            found = found.filter(at__gte=since)
        return found.filter(at__lt=until) if until else found

    def delete(self) -> NoReturn:
        raise AppendOnlyError("The audit trail is history: nothing of it is deleted.")


class AuditEvent(AppendOnly):
    """One change. It refers to nothing by key, so that nothing takes it along when it goes.

    The database itself refuses to change a row, and PostgreSQL to delete one (migration 0017).
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor = models.CharField(
        max_length=150, blank=True, help_text="Name of the user or policy; empty for the system."
    )
    action = models.CharField(max_length=20, choices=Action)
    subject = models.CharField(
        max_length=200, help_text="What was changed: its kind, and the name that it then had."
    )
    recommender = models.CharField(
        max_length=200, blank=True, help_text="Slug of the recommender that it is of, if of one."
    )
    why = models.TextField(blank=True)
    before = models.JSONField(encoder=DjangoJSONEncoder, null=True)
    after = models.JSONField(encoder=DjangoJSONEncoder, null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["recommender", "-id"], name="audit_of_a_recommender")]

    def __str__(self) -> str:
        return f"{self.actor or 'the system'} {self.action} {self.subject}"

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """(field, before, after) of each field that either names, in the order of their names."""
        before, after = self.before or {}, self.after or {}
        return [(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("The audit trail is history: nothing of it is deleted.")
