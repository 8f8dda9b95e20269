"""Model and offset to disk together, so that a successor goes on to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from updates.flows.publish import about
from updates.models import Checkpoint, ModelVersion, UpdateRun
from updates.store import artifacts

if TYPE_CHECKING:
    from updates.flows.online.position import Standing


def write(run: UpdateRun, fences: dict[str, int], standing: Standing) -> int:
    """Make what was learned durable. Returns the offset that every process can reach without the
    deltas before it: that of the checkpoint replaced, 0 where there was none.

    Raises LeaseLost, with the former checkpoint still in place.
    """
    candidate = standing.learning.candidate
    known = Checkpoint.objects.filter(recommender=run.recommender, epoch=standing.epoch).first()
    if known is not None and known.next_offset == candidate.next_offset:
        return 0
    artifact = artifacts().publish(candidate.learner.save, about(candidate))
    replaced = Checkpoint.write(
        run,
        fences,
        epoch=standing.epoch,
        base=standing.base,
        digest=artifact.digest,
        learner=candidate.learner.name,
        learner_options=candidate.learner.settings,
        schema=candidate.learner.schema.to_json(),
        next_offset=candidate.next_offset,
        watermark=candidate.watermark,
        learned_ranges=candidate.ranges,
        steps=candidate.steps,
        samples=candidate.samples,
        written_at=timezone.now(),
    )
    if replaced and replaced != artifact.digest:
        drop(replaced)
    return known.next_offset - 1 if known else 0


def drop(digest: str) -> None:
    """Delete the files of a checkpoint that was replaced, unless a version has the same."""
    if not ModelVersion.objects.filter(digest=digest, pruned_at=None).exists():
        artifacts().delete(digest)
