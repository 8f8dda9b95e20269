"""A run as its trainer sees it: the answer to a claim, a webhook's body, a command's file."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from updates.flows.external.reports import lease_seconds
from updates.models import Assignment, Segment


def told(assignment: Assignment) -> dict[str, Any]:
    """Plain JSON values; addresses begin with PUBLIC_URL, paths are those on this machine.

    next_offset : one past the last sample to learn; those of the holdout come after it.
    """
    run = assignment.run
    address = settings.PUBLIC_URL + reverse("api:update", args=[run.pk])
    return {
        "id": run.pk,
        "recommender": run.recommender.slug,
        "attempt": assignment.attempt,
        "strategy": run.strategy,
        "components": list(run.components),
        "base_version": run.base_version.number if run.base_version else None,
        "first_offset": assignment.first_offset,
        "next_offset": assignment.next_offset,
        "holdout": {
            "first_offset": assignment.next_offset,
            "next_offset": assignment.holdout_next_offset,
        },
        "window_seconds": run.window_seconds,
        "lease_seconds": lease_seconds(run),
        "samples_url": f"{address}/samples",
        "report_url": address,
        "parquet": _parquet(assignment),
    }


def _parquet(assignment: Assignment) -> list[dict[str, Any]]:
    """Archived files that hold some of the samples; what is not in them is in the log only."""
    segments = Segment.objects.filter(
        recommender=assignment.run.recommender,
        last_offset__gte=assignment.first_offset,
        first_offset__lt=assignment.holdout_next_offset,
    )
    return [
        {
            "first_offset": segment.first_offset,
            "last_offset": segment.last_offset,
            "path": str(settings.RECADMIN_DATA / segment.path),
        }
        for segment in segments
    ]
