"""A trainer has a model ready: judged on what it predicted of the holdout, and promoted."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import transaction
from django.utils import timezone

from updates import signals
from updates.artifacts import CorruptArtifact
from updates.flows.evaluate import Evaluation, evaluate_pair
from updates.flows.external.reports import (
    AttemptOver,
    at_work,
    fingerprint,
    is_answered,
    out_of_time,
    renew,
    reported,
)
from updates.flows.external.upload import FILE, staging
from updates.flows.publish import about, described, settle
from updates.models import Assignment, ComponentLease, ModelVersion, UpdatePolicy, UpdateRun
from updates.models.lease import LeaseLost
from updates.models.policy import Strategy
from updates.models.run import IllegalRunMove, RunState
from updates.samples.batches import OFFSET
from updates.samples.log import SampleLog
from updates.store import artifacts
from updates.strategies.base import Candidate
from updates.strategies.online import Judged

# The file that keeps what a version predicted of its holdout, for the next one to be held against.
HOLDOUT = "holdout.json"
# Clocks of two machines may differ by so much.
CLOCKS_DIFFER = timedelta(minutes=5)


class ReportError(ValueError):
    """A report that cannot be right; ``field`` is at fault."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclass(frozen=True)
class Predictions:
    """Of the samples of the log from ``first_offset`` on, in order, without those quarantined.

    base_scores : what the version that the run builds on predicts of them.
    """

    first_offset: int
    scores: list[float]
    base_scores: list[float] | None = None


@dataclass(frozen=True)
class Report:
    """What a trainer says of the model that it has made.

    next_offset : the first offset that it has not learned. sha256 : of the file that was uploaded,
    or of what lies at ``uri``, which is not fetched.
    """

    watermark: datetime
    next_offset: int
    sha256: str
    uri: str = ""
    metrics: dict[str, float] | None = None
    predictions: Predictions | None = None


def publish(run: UpdateRun, attempt: int, report: Report) -> None:
    """End the run: promoted or rejected, with the verdict. The same report again changes nothing.

    Raises AttemptOver and ReportError, with nothing changed.
    """
    said = fingerprint(asdict(report))
    if is_answered(run, attempt, said):
        return
    assignment, now = at_work(run, attempt), timezone.now()
    if now >= assignment.deadline_at:
        out_of_time(assignment)
        raise AttemptOver(run, attempt)
    log = SampleLog(run.recommender)
    _check(report, assignment, log, now)
    holdout = _holdout(report, assignment, log)
    renew(assignment, now)
    candidate = _candidate(run, assignment, report, log)
    live = run.recommender.live_version
    evaluation = _evaluate(run, candidate, holdout, live)
    evaluation = replace(evaluation, broken=[*_older(report, live), *evaluation.broken])
    try:
        version = _settle(assignment, report, candidate, evaluation, holdout)
    except (IllegalRunMove, LeaseLost) as lost:
        if is_answered(run, attempt, said):
            return
        run.refresh_from_db(fields=["state", "attempt"])
        raise AttemptOver(run, attempt) from lost
    artifacts().unstage(staging(assignment))
    signals.evaluated.send(UpdateRun, run=run, evaluation=evaluation, version=version)


def _check(report: Report, assignment: Assignment, log: SampleLog, now: datetime) -> None:
    first, end = assignment.first_offset, log.head().last_offset + 1
    if not first < report.next_offset <= end:
        raise ReportError(
            "next_offset", f"Must be from {first + 1} to {end}, one past the last sample learned."
        )
    if report.watermark > now + CLOCKS_DIFFER:
        raise ReportError("watermark", "Lies in the future: it is the newest event time learned.")
    if not report.uri and not _uploaded(report, assignment).exists():
        raise ReportError(
            "artifact.sha256", "Nothing with this checksum was uploaded in this attempt."
        )


def _uploaded(report: Report, assignment: Assignment) -> Path:
    return artifacts().staged(staging(assignment), report.sha256)


@dataclass(frozen=True)
class Holdout:
    """What the trainer predicted. offsets, scores, base_scores : (n,), of the (n,) samples."""

    offsets: np.ndarray
    samples: pa.Table
    scores: np.ndarray
    base_scores: np.ndarray | None

    def to_json(self) -> dict[str, Any]:
        """As kept with the version."""
        return {"offsets": self.offsets.tolist(), "scores": self.scores.tolist()}


def _holdout(report: Report, assignment: Assignment, log: SampleLog) -> Holdout | None:
    """None where nothing was predicted. Raises ReportError."""
    predictions = report.predictions
    if predictions is None:
        return None
    first, stop = assignment.next_offset, assignment.holdout_next_offset
    if not first <= predictions.first_offset < max(stop, first + 1):
        raise ReportError(
            "predictions.first_offset", f"Must lie in the holdout, {first} to {stop - 1}."
        )
    schema = log.recommender.sample_schema.arrow
    batches = list(log.read(predictions.first_offset, stop))
    samples = pa.Table.from_batches([b.select(schema.names) for b in batches], schema=schema)
    offsets = [batch.column(OFFSET).to_numpy() for batch in batches]
    if predictions.base_scores is not None and assignment.run.base_version is None:
        raise ReportError("predictions.base_scores", "A full update builds on no version.")
    for name in ("scores", "base_scores"):
        given = getattr(predictions, name)
        if given is not None and len(given) != samples.num_rows:
            raise ReportError(
                f"predictions.{name}",
                f"Must be {samples.num_rows}, one a sample from offset {predictions.first_offset} "
                f"to {stop - 1}, got {len(given)}.",
            )
    return Holdout(
        np.concatenate([np.empty(0, int), *offsets]),
        samples.combine_chunks(),
        np.asarray(predictions.scores, np.float64),
        None
        if predictions.base_scores is None
        else np.asarray(predictions.base_scores, np.float64),
    )


def _candidate(run: UpdateRun, assignment: Assignment, report: Report, log: SampleLog) -> Candidate:
    base = run.base_version
    candidate = Candidate(
        run.recommender.new_learner(),
        base_digest=base.digest if base else None,
        ranges=list(base.learned_ranges) if base else [],
    )
    candidate.taught(
        assignment.first_offset,
        report.next_offset,
        report.watermark,
        anew=run.strategy == Strategy.FULL,
        left_out=log.left_out,
    )
    return candidate


def _evaluate(
    run: UpdateRun, candidate: Candidate, holdout: Holdout | None, live: ModelVersion | None
) -> Evaluation:
    policy = run.policy or UpdatePolicy(recommender=run.recommender)
    if holdout is None:
        schema = run.recommender.sample_schema.arrow
        judged = Judged(schema.empty_table(), np.empty(0), candidate.next_offset)
        why = "Nothing was judged: its trainer sent no predictions of the holdout."
        return replace(evaluate_pair(candidate, judged, None, None, policy), unjudged=why)
    known = _predicted_by(live, holdout.offsets)
    if known is None and live is not None and live == run.base_version:
        known = holdout.base_scores
    first = int(holdout.offsets[0]) if len(holdout.offsets) else candidate.next_offset
    judged = Judged(holdout.samples, holdout.scores, first)
    evaluation = evaluate_pair(candidate, judged, live, known, policy)
    if live is None or known is not None:
        return evaluation
    why = f"version {live.number} came without predictions of these samples, to compare"
    return replace(evaluation, uncompared=why)


def _predicted_by(version: ModelVersion | None, offsets: np.ndarray) -> np.ndarray | None:
    """(n,) scores that came with the version for just these samples; None where not for all."""
    if version is None or not len(offsets):
        return None
    try:
        kept = artifacts().read(version.digest, HOLDOUT)
    except CorruptArtifact:
        # Pruned or damaged: then there is nothing to compare with.
        return None
    known = json.loads(kept) if kept else {"offsets": [], "scores": []}
    theirs = np.asarray(known["offsets"], dtype=np.int64)
    if not np.isin(offsets, theirs).all():
        return None
    return np.asarray(known["scores"], dtype=np.float64)[np.searchsorted(theirs, offsets)]


def _older(report: Report, live: ModelVersion | None) -> list[str]:
    if live is None or live.watermark is None or report.watermark >= live.watermark:
        return []
    return [
        f"Its watermark {report.watermark.isoformat()} is older than that of the live version "
        f"{live.number}, {live.watermark.isoformat()}."
    ]


def _settle(
    assignment: Assignment,
    report: Report,
    candidate: Candidate,
    evaluation: Evaluation,
    holdout: Holdout | None,
) -> ModelVersion:
    """The artifact, then version, verdict and state at once, fenced."""
    run = assignment.run
    metrics_reported = reported(assignment, report.metrics)
    name = assignment.artifact_name
    made = {"sha256": report.sha256, **({"uri": report.uri} if report.uri else {"name": name})}
    save = partial(_save, report=report, assignment=assignment, holdout=holdout)
    artifact = artifacts().publish(save, {**about(candidate), "artifact": made})
    metrics = evaluation.to_json() | {"reported": metrics_reported}
    fields = described(run, candidate, run.base_version, artifact)
    with transaction.atomic():
        ComponentLease.verify(run, run.fences)
        wall = (timezone.now() - run.started_at).total_seconds()
        run.move(
            RunState.EVALUATING,
            as_attempt=assignment.attempt,
            ranges=candidate.steps,
            metrics=metrics,
            samples=candidate.samples,
            wall_seconds=wall,
        )
        version = ModelVersion.publish(
            run.recommender,
            parent=run.base_version or run.recommender.live_version,
            metrics=metrics,
            sparsity={},
            **fields,
        )
        settle(run, version, evaluation, run.fences)
        assignment.note(
            reported=metrics_reported,
            artifact_sha256=report.sha256,
            artifact_uri=report.uri,
            answered_sha256=fingerprint(asdict(report)),
            deliver_at=None,
        )
        ComponentLease.release(run, run.fences)
    return version


def _save(folder: Path, *, report: Report, assignment: Assignment, holdout: Holdout | None) -> None:
    if not report.uri:
        os.link(_uploaded(report, assignment), folder / FILE)
    if holdout is not None:
        (folder / HOLDOUT).write_text(json.dumps(holdout.to_json()))
