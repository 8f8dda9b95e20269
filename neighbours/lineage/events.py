"""A run's moves as events of OpenLineage (spec 2-0-2). The same move gives the same event."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.urls import reverse
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    documentation_job,
    error_message_run,
    job_type_job,
    nominal_time_run,
    processing_engine_run,
)

from neighbours.lineage import datasets, facet
from updates.models import RunTransition, UpdateRun
from updates.models.policy import Strategy
from updates.models.run import FINISHED
from updates.models.run import RunState as State

ENDS = {
    State.PROMOTED: RunState.COMPLETE,
    # It has run to its end: that its version is not wanted is a result.
    State.REJECTED: RunState.COMPLETE,
    State.FAILED: RunState.FAIL,
    State.CANCELLED: RunState.ABORT,
}


def events(run: UpdateRun, move: RunTransition) -> Iterator[RunEvent]:
    """What is said of a move: nothing of most. One that never began and failed begins and fails."""
    began = run.transitions.filter(to_state=State.RUNNING).order_by("id").first()
    if move.to_state == State.RUNNING:
        again = began is not None and began.pk != move.pk
        yield _event(run, move, RunState.RUNNING if again else RunState.START)
    elif move.to_state == State.CANARY:
        yield _event(run, move, RunState.RUNNING)
    elif move.to_state in FINISHED:
        if began is None and move.to_state == State.CANCELLED:
            return
        if began is None:
            yield _event(run, move, RunState.START)
        yield _event(run, move, ENDS[State(move.to_state)])


def namespace() -> str:
    """Of jobs and datasets."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or "recadmin"


def _event(run: UpdateRun, move: RunTransition, kind: RunState) -> RunEvent:
    producer, ended = settings.PUBLIC_URL, kind != RunState.START
    made = run.result_version if ended else None
    inputs = [datasets.sample_log(run, namespace(), producer, ended=move.to_state in FINISHED)]
    if run.base_version:
        inputs.append(datasets.base_model(run.base_version, namespace(), producer))
    return RunEvent(
        eventType=kind,
        eventTime=move.at.isoformat(),
        run=Run(_run_id(run), _run_facets(run, move, producer, ended=ended)),
        job=_job(run, producer),
        inputs=inputs,
        outputs=[datasets.made_model(made, namespace(), producer)] if made else [],
        producer=producer,
    )


def _page(run: UpdateRun) -> str:
    return settings.PUBLIC_URL + reverse("run", args=[run.pk])


def _run_id(run: UpdateRun) -> str:
    """The same whenever it is asked for, and another in each installation."""
    return str(uuid5(NAMESPACE_URL, _page(run)))


def _job(run: UpdateRun, producer: str) -> Job:
    name = f"{run.recommender.slug}.{run.strategy}"
    online = run.strategy == Strategy.ONLINE
    return Job(
        namespace(),
        name,
        {
            "jobType": job_type_job.JobTypeJobFacet(
                processingType="STREAMING" if online else "BATCH",
                integration="RECADMIN",
                jobType="UPDATE",
                producer=producer,
            ),
            "documentation": documentation_job.DocumentationJobFacet(
                f"Updates of the recommender {run.recommender.name} by strategy {run.strategy}.",
                producer=producer,
            ),
        },
    )


def _run_facets(run: UpdateRun, move: RunTransition, producer: str, *, ended: bool) -> dict:
    facets: dict[str, Any] = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            _version(), "recadmin", producer=producer
        ),
        facet.KEY: facet.UpdateRunFacet(
            run=run.pk,
            page=_page(run),
            state=move.to_state,
            attempt=run.attempt,
            components=run.components,
            why=move.why or None,
            policy=run.policy.name if run.policy else None,
            baseVersion=run.base_version.number if run.base_version else None,
            producer=producer,
            **(_outcome(run) if ended else {}),
        ),
    }
    if run.due_at:
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(
            run.due_at.isoformat(), producer=producer
        )
    if move.to_state == State.FAILED:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            run.error or move.why, "python", producer=producer
        )
    return facets


def _outcome(run: UpdateRun) -> dict[str, Any]:
    made, quality = run.result_version, run.metrics.get("candidate") or {}
    return {
        "version": made.number if made else None,
        "watermark": made.watermark.isoformat() if made and made.watermark else None,
        "samples": run.samples,
        "cpuSeconds": run.cpu_seconds,
        "wallSeconds": run.wall_seconds,
        "normalizedEntropy": quality.get("ne"),
        "logLoss": quality.get("log_loss"),
        "auc": quality.get("auc"),
        "calibration": quality.get("calibration"),
    }


@cache
def _version() -> str:
    about = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    return str(about["project"]["version"])
