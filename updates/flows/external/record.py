"""A model that was made elsewhere and by no run of ours becomes a version, by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.utils import timezone

from updates.flows.external.publish import CLOCKS_DIFFER
from updates.models import ModelVersion, Recommender
from updates.samples.batches import OFFSET, to_ms
from updates.samples.log import SampleLog
from updates.samples.schema import EVENT_TIME, TIMESTAMP
from updates.store import artifacts


class NotRecorded(ValueError):
    """The model cannot be a version; says why."""


@dataclass(frozen=True)
class Made:
    """A model as its makers describe it.

    uri : where it lies; it is not fetched. sha256 : of what lies there, "" where that is not known.
    watermark : the newest event time that it has learned. metrics : as reported. origin : what else
    the manifest shall keep of where it comes from.
    """

    uri: str
    watermark: datetime
    sha256: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)


def record(recommender: Recommender, made: Made) -> ModelVersion:
    """A new candidate. Nothing is judged: nobody has predicted the holdout with it.

    Which samples it has learned is not known, only up to when: the first that is newer counts as
    the next one to learn. Raises NotRecorded and LogUnavailable, with nothing changed.
    """
    if recommender.trained_here:
        raise NotRecorded(
            f"recadmin itself trains {recommender.slug} ({recommender.learner}): a model that was "
            "made elsewhere cannot be a version of it."
        )
    if made.watermark > timezone.now() + CLOCKS_DIFFER:
        raise NotRecorded(f"Its watermark {made.watermark.isoformat()} lies in the future.")
    learner, next_offset = recommender.new_learner(), _first_newer(recommender, made.watermark)
    reference = {"uri": made.uri, **({"sha256": made.sha256} if made.sha256 else {})}
    artifact = artifacts().publish(
        _nothing,
        {
            "learner": learner.name,
            "options": learner.settings,
            "schema": learner.schema.to_json(),
            "next_offset": next_offset,
            "watermark": made.watermark.isoformat(),
            "artifact": {**reference, **made.origin},
        },
    )
    stands = {"watermark": made.watermark.isoformat(), "next_offset": next_offset}
    return ModelVersion.publish(
        recommender,
        parent=recommender.live_version,
        learner=learner.name,
        learner_options=learner.settings,
        digest=artifact.digest,
        artifact_bytes=artifact.bytes,
        watermark=made.watermark,
        learned_ranges=[],
        next_offset=next_offset,
        components={
            name: {**stands, "run": None, "begun_by": None, "space_id": None}
            for name in learner.components
        },
        metrics=_metrics(made),
        sparsity={},
    )


def _nothing(folder: Path) -> None:
    """Its files lie elsewhere."""


def _metrics(made: Made) -> dict[str, Any]:
    return {
        "reported": dict(made.metrics),
        "verdict": f"Nothing was judged: it was made elsewhere and lies at {made.uri}.",
    }


def _first_newer(recommender: Recommender, watermark: datetime) -> int:
    """Offset of the first sample with an event time after it; one past the last where none is."""
    log = SampleLog(recommender).leaving_out([])
    end = log.head().last_offset + 1
    newest = pa.scalar(to_ms(watermark), pa.int64()).cast(TIMESTAMP)
    for batch in log.read(1, end, watermark):
        newer = batch.filter(pc.greater(batch.column(EVENT_TIME), newest))
        if newer.num_rows:
            return int(newer.column(OFFSET)[0].as_py())
    return end
