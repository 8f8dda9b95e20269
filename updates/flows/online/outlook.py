"""Where an online session at work stands: what it has learned, what waits, what is due when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recadmin.valkey import connection
from updates.flows.online.position import line_of
from updates.models import Checkpoint, PublishingFreeze, UpdatePolicy, UpdateRun
from updates.models.policy import Strategy
from updates.models.run import WRITING
from updates.samples.batches import from_ms, to_ms
from updates.samples.durable import LogUnavailable
from updates.samples.log import Head, SampleLog
from updates.serving.deltas import Position, positions

# Said of a session that has not yet come to learning.
STARTING = ("", "starting")


@dataclass(frozen=True)
class Outlook:
    """One session at one instant.

    offset : last offset learned. backlog_samples, lag_seconds : of the log beyond that; None where
    the log does not answer, lag_seconds also before anything was sent. samples_per_second : learned
    lately. checkpoint_offset : last offset of the newest checkpoint, None before the first.
    next_checkpoint_seconds, next_version_seconds : from now, 0 where it is due; None where the last
    one has all that was learned; next_version_seconds also while publishing is frozen.
    frozen : why what it learns is not served.
    """

    offset: int
    backlog_samples: int | None
    lag_seconds: float | None
    samples_per_second: float | None
    checkpoint_offset: int | None
    next_checkpoint_seconds: float | None
    next_version_seconds: float | None
    frozen: PublishingFreeze | None


def outlook(run: UpdateRun, now: datetime) -> Outlook | None:
    """None where the run is no online session that learns."""
    at_work = run.strategy == Strategy.ONLINE and run.state in WRITING
    if not at_work or run.progress_phase in STARTING or run.started_at is None:
        return None
    epoch = line_of(run.recommender)
    head, sent = _head_and_sent(run, epoch)
    offset = max(run.progress_done, sent.offset if sent else 0)
    behind = head is not None and head.last_offset > offset
    base = run.base_version.next_offset - 1 if run.base_version else 0
    frozen = PublishingFreeze.open_of(run.recommender)
    policy = run.policy or UpdatePolicy(strategy=Strategy.ONLINE)
    saved, saved_at = _saved(run, epoch)
    checkpoint_at = saved_at + timedelta(seconds=policy.checkpoint_seconds)
    version_at = run.started_at + timedelta(minutes=policy.version_every_minutes)
    return Outlook(
        offset=offset,
        backlog_samples=head and max(0, head.last_offset - offset),
        lag_seconds=_lag(head, sent) if behind else head and 0.0,
        samples_per_second=run.progress_per_second,
        checkpoint_offset=saved,
        next_checkpoint_seconds=_until(checkpoint_at, now) if offset > (saved or base) else None,
        next_version_seconds=_until(version_at, now) if offset > base and not frozen else None,
        frozen=frozen,
    )


def _head_and_sent(run: UpdateRun, epoch: int) -> tuple[Head | None, Position | None]:
    """The log's head, and what this session has sent last; None where there is none to be had."""
    try:
        head = SampleLog(run.recommender).head()
        [sent] = positions(connection(), [run.recommender.stream_key])
    except LogUnavailable:
        return None, None
    began = run.started_at and to_ms(run.started_at)
    ours = sent is not None and sent.epoch == epoch and sent.at_ms >= (began or 0)
    return head, sent if ours else None


def _saved(run: UpdateRun, epoch: int) -> tuple[int | None, datetime]:
    """Last offset of the newest checkpoint, and when that was written or the session began."""
    began = run.started_at or run.queued_at
    checkpoint = Checkpoint.objects.filter(recommender=run.recommender, epoch=epoch).first()
    if checkpoint is None:
        return None, began
    return checkpoint.next_offset - 1, max(began, checkpoint.written_at)


def _lag(head: Head | None, sent: Position | None) -> float | None:
    if head is None or head.newest_event_time is None or sent is None:
        return None
    return max(0.0, (head.newest_event_time - from_ms(sent.watermark_ms)).total_seconds())


def _until(moment: datetime, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds())
