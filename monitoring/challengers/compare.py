"""Score what has arrived with champion and challenger, each as it was before it had learned it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime

import numpy as np
import pyarrow as pa
from django.db import transaction

from monitoring.challengers.foretold import foretold_to
from monitoring.challengers.hours import add
from monitoring.challengers.models import Comparison
from monitoring.challengers.predicted import predicted
from monitoring.challengers.sums import Sums, groups_of
from updates.artifacts import CorruptArtifact
from updates.models import Recommender
from updates.samples.log import Head, SampleLog
from updates.samples.schema import LABEL, WEIGHT

logger = logging.getLogger(__name__)

MOST_SAMPLES = 5000


def compare_all(
    recommenders: Collection[Recommender],
    heads: Mapping[int, Head],
    online: Collection[int],
    now: datetime,
) -> None:
    """Of each challenger what has arrived since the last look. One that fails stops no other.

    heads : of their logs, by pk. online : pks of those whose sessions learn what arrives.
    """
    known = {recommender.pk: recommender for recommender in recommenders}
    done = dict(Comparison.objects.values_list("pk", "next_offset"))
    for challenger in recommenders:
        champion, head = known.get(challenger.challenges_id), heads.get(challenger.pk)
        if champion is None or head is None or head.last_offset < done.get(challenger.pk, 1):
            continue
        try:
            compare(challenger, champion, head.last_offset, online, now)
        except CorruptArtifact as error:
            logger.warning("%s cannot be compared: %s", challenger.slug, error)
        except Exception:
            logger.exception("comparing %s", challenger.slug)


def compare(
    challenger: Recommender,
    champion: Recommender,
    last_offset: int,
    online: Collection[int],
    now: datetime,
) -> int:
    """Compare at most the newest 5,000 samples up to an offset that have not been; how many were.

    A sample counts where both sides have predicted it before they learned it; the others are left
    out of both sums. Where a session learns what arrives, only what it has told of so far is looked
    at. Raises CorruptArtifact, and as ``SampleLog.read`` does.
    """
    cursor, _ = Comparison.objects.get_or_create(challenger=challenger)
    sides = (champion, challenger)
    told = [foretold_to(side) for side in sides if side.pk in online]
    stop = min([last_offset, *told]) + 1
    start = max(cursor.next_offset, stop - MOST_SAMPLES)
    if start >= stop:
        return 0
    sums = _sums(champion, challenger, start, stop, online)
    with transaction.atomic():
        # Whoever comes first counts them.
        claimed = Comparison.objects.filter(pk=cursor.pk, next_offset=cursor.next_offset)
        if not claimed.update(next_offset=stop):
            return 0
        if sums.samples:
            add(challenger, sums, now)
    return sums.samples


def _sums(
    champion: Recommender,
    challenger: Recommender,
    start: int,
    stop: int,
    online: Collection[int],
) -> Sums:
    batches = list(SampleLog(champion).read(start, stop))
    if not batches:
        return Sums()  # all of them are quarantined
    samples = pa.Table.from_batches(batches).combine_chunks()
    theirs, ours = (
        predicted(side, samples, online=side.pk in online) for side in (champion, challenger)
    )
    both = ~(np.isnan(theirs) | np.isnan(ours))
    labels, weights = (np.asarray(samples.column(n), np.float64)[both] for n in (LABEL, WEIGHT))
    theirs, ours = theirs[both], ours[both]
    groups = groups_of(samples, champion.sample_schema.user)[both]
    sums = Sums.of(labels, theirs, ours, weights, groups)
    if not champion.fake_negatives:
        return sums
    # As of ``Progressive``: a positive takes back the negative that was counted before it.
    late = labels > 0.5
    negatives = np.zeros(int(late.sum()))
    taken_back = Sums.of(negatives, theirs[late], ours[late], weights[late], groups[late])
    return sums.plus(taken_back, times=-1)
