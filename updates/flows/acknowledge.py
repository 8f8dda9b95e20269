"""A server says what became of an event: it serves the version now, or could not swap to it."""

from __future__ import annotations

from datetime import datetime

from django.db import models, transaction

from updates.models import Deployment, Recommender, ServingTarget
from updates.models.serving_target import LONGEST_ERROR


class Acknowledged(models.TextChoices):
    SWAPPED = "swapped", "it serves the version now"
    FAILED = "failed", "it could not swap to it, and serves what it served before"


class AcknowledgeError(ValueError):
    """What was said cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def acknowledge(
    deployment: Deployment,
    *,
    target: str,
    state: str,
    version: int,
    error: str = "",
    now: datetime,
) -> ServingTarget:
    """Take the word of a server; its latest word counts, and saying the same again changes nothing
    but when it was heard last. Raises AcknowledgeError.
    """
    if version != deployment.version.number:
        is_of = f"Event {deployment.pk} is of version {deployment.version.number}."
        raise AcknowledgeError("version", is_of)
    if error and state == Acknowledged.SWAPPED:
        raise AcknowledgeError("error", "Goes with failed.")
    with transaction.atomic():
        found = _find(deployment.recommender, target)
        if state == Acknowledged.SWAPPED:
            found.has_swapped(deployment, now)
        else:
            found.has_failed(deployment, error[:LONGEST_ERROR], now)
    return found


def _find(recommender: Recommender, name: str) -> ServingTarget:
    targets = recommender.serving_targets.select_for_update()
    found = targets.filter(name=name).first()
    if found is None:
        raise AcknowledgeError("target", f"{recommender.slug} has no server of that name.")
    return found
