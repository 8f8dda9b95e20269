"""Change when a policy fires, with a receipt."""

from dataclasses import fields
from typing import Any

from django.db import transaction
from django.utils import timezone

from updates.cadence import Cadence, Trigger
from updates.models import CadenceChange, UpdatePolicy
from updates.samples.log import SampleLog
from updates.scheduling import claim_timed

FIELDS = [field.name for field in fields(Cadence)]


def change_cadence(
    policy: UpdatePolicy, cadence: Cadence, *, by: Any = None, fires: int = 10
) -> CadenceChange:
    """Put the policy on another cadence; in force at the scheduler's next tick.

    No fire is lost: one that fell due before the change is run first. None is doubled, and the
    edit itself fires nothing: the new schedule counts from the last fire, and begins in the
    future. The receipt holds the next fires before and after. Raises CadenceError, and
    LogUnavailable where the sample log is asked and does not answer.
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
        if cadence.trigger is Trigger.SAMPLES:
            policy.fired_through_offset = _last_fire_passed(policy)
        policy._history_user = by
        policy.save(update_fields=[*FIELDS, "next_due_at", "fired_through_offset"])
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


def _last_fire_passed(policy: UpdatePolicy) -> int:
    """The newest offset, counted in steps from the last fire, at which it would have fired."""
    arrived = SampleLog(policy.recommender).head().last_offset - policy.fired_through_offset
    return policy.fired_through_offset + arrived - arrived % policy.every_samples
