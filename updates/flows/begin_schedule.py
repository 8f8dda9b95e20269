"""A policy's schedule begins now: it is new, or fires again after a pause or a hold."""

from updates.cadence import Trigger
from updates.models import UpdatePolicy
from updates.samples.log import SampleLog

FIELDS = ["next_due_at", "fired_through_offset"]


def begin_schedule(policy: UpdatePolicy) -> None:
    """Count from now, or from the newest sample; in memory, the caller saves ``FIELDS``.

    So nothing fires for what came before. Raises LogUnavailable where the log is asked, for
    trigger samples, and does not answer.
    """
    policy.reschedule()
    if policy.trigger == Trigger.SAMPLES:
        policy.fired_through_offset = SampleLog(policy.recommender).head().last_offset
