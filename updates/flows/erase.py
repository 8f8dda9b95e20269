"""Delete a user's data: from all models by a quarantine that stays, then from the log itself.

Rows stay, for offsets are dense and others' samples are learned by theirs; of the user's nothing is
left in them but when they happened and arrived. docs/rollback.md names what is not reached.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from recadmin.valkey import connection
from updates.flows.online.checkpoints import drop
from updates.flows.own_log import ensure_owns_log
from updates.flows.quarantine import quarantine
from updates.flows.select_samples import Selection
from updates.models import (
    Checkpoint,
    Explanation,
    ModelVersion,
    Quarantine,
    Recommender,
    Segment,
)
from updates.models.quarantine import State
from updates.models.version import VersionState
from updates.samples.archive import erase_rows
from updates.samples.durable import unavailable_as_such
from updates.samples.log import SampleLog
from updates.samples.offsets import overlap
from updates.store import artifacts


def erase_user(recommender: Recommender, user: str, *, reason: str, by: Any = None) -> Quarantine:
    """Have no model know of the user's samples, and then erase them: what has arrived by now.

    Raises QuarantineError, SharesLog, and as ``select`` does.
    """
    ensure_owns_log(recommender)
    selection = Selection.of_user(SampleLog(recommender), user)
    return quarantine(recommender, selection, reason=reason, by=by, erases=True)


def erase_due() -> None:
    """Erase what models do not know of any more; what fails is tried again at the next call."""
    waiting = Quarantine.objects.filter(erases=True, erased_at=None).select_related("recommender")
    for each in waiting:
        if each.state == State.DONE:
            _erase(each)


def _erase(quarantine: Quarantine) -> None:
    log = SampleLog(quarantine.recommender)
    last = quarantine.ranges[-1][1]
    # As if they had waited long enough: what the stream holds cannot be changed.
    overdue = timezone.now() + timedelta(seconds=settings.SEGMENT_SECONDS + 1)
    while log.archived_through() < last and log.archive(overdue):
        pass
    for segment in Segment.objects.filter(recommender=quarantine.recommender):
        if overlap(quarantine.ranges, segment.first_offset, segment.last_offset + 1):
            _erase_in(segment, quarantine)
    _forget_models(quarantine)
    # What was trimmed from the stream is in its append-only file until that is written anew; where
    # that is under way already, the next one does it.
    with unavailable_as_such(), suppress(redis.ResponseError):
        connection().bgrewriteaof()
    quarantine.erased_at = timezone.now()
    quarantine.save(update_fields=["erased_at"])


def _erase_in(segment: Segment, quarantine: Quarantine) -> None:
    former = settings.RECADMIN_DATA / segment.path
    file = erase_rows(former, segment.sha256, quarantine.ranges, f"-e{quarantine.pk}")
    segment.path = str(file.path.relative_to(settings.RECADMIN_DATA))
    segment.sha256, segment.bytes = file.sha256, file.bytes
    with transaction.atomic():
        segment.save(update_fields=["path", "sha256", "bytes"])
        transaction.on_commit(lambda: former != file.path and former.unlink(missing_ok=True))


def _forget_models(quarantine: Quarantine) -> None:
    """Files of what had learned them: the manifests stay, and name no user."""
    for recommender in quarantine.recommender.readers:
        _forget_models_of(recommender, quarantine)


def _forget_models_of(recommender: Recommender, quarantine: Quarantine) -> None:
    for version in recommender.versions.filter(state=VersionState.QUARANTINED, pruned_at=None):
        if version.has_learned(quarantine.ranges):
            version.pruned_at = timezone.now()
            version.save(update_fields=["pruned_at"])
            artifacts().prune(version.digest)
    checkpoint = Checkpoint.objects.filter(recommender=recommender).first()
    if checkpoint is not None and _knows(checkpoint, quarantine):
        checkpoint.delete()
        drop(checkpoint.digest)
    # They name values of samples; those of what is left are worked out again.
    Explanation.objects.filter(version__recommender=recommender).delete()


def _knows(checkpoint: Checkpoint, quarantine: Quarantine) -> bool:
    learned = ModelVersion(learned_ranges=checkpoint.learned_ranges)
    return learned.has_learned(quarantine.ranges)
