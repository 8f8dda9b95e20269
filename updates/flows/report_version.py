"""A model that was made elsewhere enters as a version: by reference, as its trainer reports it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from updates.artifacts import CorruptArtifact
from updates.flows.evaluate import Evaluation
from updates.flows.external.publish import CLOCKS_DIFFER, ReportError
from updates.flows.promote import promote
from updates.metrics import quality
from updates.models import ModelVersion, Recommender, Segment
from updates.samples.log import SampleLog
from updates.store import artifacts
from updates.strategies.base import Part

# Event times in the log are of whole milliseconds.
INSTANT = timedelta(milliseconds=1)


class TrainedHere(RuntimeError):
    """Updates make the versions of this recommender; none is reported."""


class VersionConflict(ValueError):
    """Another version has that name already; nothing was changed."""


@dataclass(frozen=True)
class ReportedVersion:
    """What a trainer says of a model.

    watermark : newest event time that it has learned. trained_since : the oldest; None for all
    before the watermark. sha256 : of what lies at ``uri``, which is not fetched; "" where that is
    not known. origin : what else is to be kept of where it comes from.
    """

    name: str
    watermark: datetime
    trained_since: datetime | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    uri: str = ""
    sha256: str = ""
    origin: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the manifest of the version keeps it."""
        times = {name: getattr(self, name) for name in ("watermark", "trained_since")}
        said = {name: at and at.astimezone(UTC).isoformat() for name, at in times.items()}
        return asdict(self) | said


def report_version(
    recommender: Recommender, reported: ReportedVersion, *, live: bool = True, by: Any = None
) -> tuple[ModelVersion, bool]:
    """The version, and whether it is new: the same report again changes nothing.

    What it has learned of the log is counted: as many samples as have event times up to its
    watermark. Of a recommender that is not updated here it is live from now on, unless predictions
    say what is live (``follow_predictions``); of others, or with ``live`` False, a candidate.

    Raises TrainedHere, VersionConflict, ReportError and LogUnavailable.
    """
    if recommender.trained_here:
        raise TrainedHere(f"The versions of {recommender.slug} are made by its updates.")
    if known := recommender.versions.filter(name=reported.name).first():
        return _same(known, reported), False
    _check(reported)
    fields = _described(recommender, reported)
    try:
        with transaction.atomic():
            version = ModelVersion.publish(recommender, name=reported.name, **fields)
            moved_by_others = recommender.updated_here or recommender.follows_predictions
            if live and not moved_by_others:
                promote(version, reason="reported as live", by=by)
    except IntegrityError:
        # Reported twice at once.
        return _same(recommender.versions.get(name=reported.name), reported), False
    return version, True


def reported_as(version: ModelVersion) -> dict[str, Any]:
    """What its trainer said of a version; {} of those that nobody reported, or whose manifest is
    damaged."""
    if not version.name:
        return {}
    try:
        said: dict[str, Any] = artifacts().manifest(version.digest).get("reported", {})
    except CorruptArtifact:
        return {}
    return said


def _same(known: ModelVersion, reported: ReportedVersion) -> ModelVersion:
    if reported_as(known) != reported.to_json():
        raise VersionConflict(
            f"Version {known.number} is named {known.name} and was reported otherwise; versions "
            "never change, so give this one another name."
        )
    return known


def _check(reported: ReportedVersion) -> None:
    if reported.watermark > timezone.now() + CLOCKS_DIFFER:
        raise ReportError("watermark", "Lies in the future: it is the newest event time learned.")
    if reported.trained_since and reported.trained_since > reported.watermark:
        raise ReportError("trained_since", "Must not lie after the watermark.")
    if reported.sha256 and not reported.uri:
        raise ReportError("uri", "Must be there: sha256 is of what lies at it.")


def _described(recommender: Recommender, reported: ReportedVersion) -> dict[str, Any]:
    learner = recommender.new_learner()
    log = SampleLog(recommender).leaving_out(())
    end = log.head().last_offset + 1
    following = end - _count(log, end, reported.watermark + INSTANT)
    first = end - _count(log, end, reported.trained_since) if reported.trained_since else 1
    learned = [{"first_offset": first, "last_offset": following - 1}] if first < following else []
    part = Part(following, reported.watermark)
    artifact = artifacts().publish(
        _write_nothing,
        {
            "learner": learner.name,
            "options": learner.settings,
            "schema": learner.schema.to_json(),
            "reported": reported.to_json(),
        },
    )
    nobody = {"run": None, "begun_by": None, "space_id": None}
    return {
        "parent": recommender.live_version,
        "learner": learner.name,
        "learner_options": learner.settings,
        "digest": artifact.digest,
        "artifact_bytes": artifact.bytes,
        "watermark": reported.watermark,
        "learned_ranges": learned,
        "next_offset": following,
        "components": {name: part.to_json() | nobody for name in learner.components},
        "metrics": _unjudged(following).to_json() | {"reported": reported.metrics},
    }


def _unjudged(next_offset: int) -> Evaluation:
    nothing = quality(np.empty(0), np.empty(0))
    why = "It was made elsewhere, and nothing was judged here before it was reported."
    last = next_offset - 1
    return Evaluation(next_offset, last, 0, nothing, None, None, None, [], unjudged=why)


def _count(log: SampleLog, stop: int, since: datetime) -> int:
    """How many samples before offset ``stop`` have event times from then on. Files are read of
    those segments alone that hold others, too."""
    archived = log.archived_through()
    segments = Segment.objects.filter(recommender=log.owner_id, last_offset__lte=archived)
    later = segments.filter(min_event_time__gte=since)
    rows: int = later.aggregate(n=Sum(F("last_offset") - F("first_offset") + 1))["n"] or 0
    mixed = segments.filter(min_event_time__lt=since, max_event_time__gte=since)
    ranges = [*mixed.values_list("first_offset", "last_offset"), (archived + 1, stop - 1)]
    read = (batch for first, last in ranges for batch in log.read(first, last + 1, since))
    return rows + sum(batch.num_rows for batch in read)


def _write_nothing(folder: Path) -> None:
    """The model stays where it is; the manifest says where that is."""
