"""Change when a policy fires, with a receipt."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from updates.cadence import Cadence
from updates.models import CadenceChange, UpdatePolicy
from updates.scheduling import claim_timed

FIELDS = ["trigger", "interval_seconds", "cron", "timezone", "every_samples"]


def change_cadence(
    policy: UpdatePolicy, cadence: Cadence, *, by: Any = None, fires: int = 10
) -> CadenceChange:
    """Put the policy on another cadence; in force at the scheduler's next tick.

    No fire is lost: one that fell due before the change is run first. None is doubled, and the
    edit itself fires nothing: the new schedule counts from the last fire, and begins in the
    future. The receipt holds the next fires before and after. Raises CadenceError.
    """
    cadence.validate()
    now = timezone.now()
    with transaction.atomic():
        policy = UpdatePolicy.objects.select_for_update().get(pk=policy.pk)
        claimed = policy.next_due_at if claim_timed(policy, now) else None
        policy.refresh_from_db()
        before = policy.cadence
        fires_before = before.preview(policy.next_due_at, fires)
        for field in FIELDS:
            setattr(policy, field, getattr(cadence, field))
        policy.next_due_at = cadence.next_fire(last=policy.last_due_at or now, after=now)
        policy._history_user = by
        policy.save(update_fields=[*FIELDS, "next_due_at"])
        return CadenceChange.objects.create(
            policy=policy,
            changed_at=now,
            changed_by=by,
            before=before.to_json(),
            after=cadence.to_json(),
            fires_before=fires_before,
            fires_after=cadence.preview(policy.next_due_at, fires),
            claimed_due_at=claimed,
        )
