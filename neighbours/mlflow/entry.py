"""What MLflow is told of a version: parameters, metrics and tags of its run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.urls import reverse

from updates.models import ModelVersion, UpdateRun

# MLflow's own limits are wider; what is cut here is read by people.
LONGEST_VALUE = 500
# The tags that name a version of one installation: by them a run is found again.
VERSION_ID, PAGE, STATE = "recadmin.version_id", "recadmin.page", "recadmin.state"
COSTS = ("cpu_seconds", "wall_seconds", "peak_memory_bytes", "samples")


def made_by(version: ModelVersion) -> UpdateRun | None:
    """The run that ended in the version, else the one that moved a component of it last: an online
    session makes many. None where that is gone."""
    runs = [part.get("run") for part in version.components.values()]
    ended = UpdateRun.objects.filter(result_version=version)
    moved = UpdateRun.objects.filter(pk__in=[run for run in runs if run]).order_by("-pk")
    return ended.select_related("base_version").first() or moved.first()


def page(version: ModelVersion) -> str:
    """Where people find it."""
    of = [version.recommender.slug, version.number]
    return settings.PUBLIC_URL + reverse("version", args=of)


def artifact(version: ModelVersion) -> str:
    """Where its files are."""
    of = {"slug": version.recommender.slug, "number": version.number, "file": "manifest.json"}
    return settings.PUBLIC_URL + reverse("api:artifact-file", kwargs=of).rpartition("/")[0]


def params(version: ModelVersion, run: UpdateRun | None) -> dict[str, str]:
    """What it was made of and how."""
    base = run.base_version if run else None
    known = {
        "recommender": version.recommender.slug,
        "version": version.number,
        "learner": version.learner,
        "strategy": run.strategy if run else None,
        "policy": run.policy.name if run and run.policy else None,
        "components": ", ".join(run.components) if run else None,
        "base_version": base.number if base else None,
        "parent_version": version.parent.number if version.parent else None,
        "watermark": version.watermark.isoformat() if version.watermark else None,
        "next_offset": version.next_offset,
        "sample_ranges": ", ".join(
            f"{each['first_offset']}–{each['last_offset']}" for each in version.learned_ranges
        ),
    }
    options = {f"options.{name}": value for name, value in version.learner_options.items()}
    return {
        name: (value if isinstance(value, str) else json.dumps(value))[:LONGEST_VALUE]
        for name, value in {**known, **options}.items()
        if value is not None
    }


def metrics(version: ModelVersion, run: UpdateRun | None) -> dict[str, float]:
    """What was measured: of the version by their plain names, of what it was held against below
    ``reference``; ``sparsity``, and what the run has ``cost`` where it made this version alone."""
    measured = {name: value for name, value in version.metrics.items() if name != "slices"}
    measured |= measured.pop("candidate", None) or {}
    cost = {}
    if run and run.result_version_id == version.pk:
        cost = {name: getattr(run, name) for name in COSTS}
    found = {
        **measured,
        "sparsity": version.sparsity,
        "cost": cost,
        "artifact_bytes": version.artifact_bytes,
    }
    return dict(_numbers(found))


def _numbers(found: Mapping[str, Any], below: str = "") -> Iterator[tuple[str, float]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{below}{name}.")
        elif isinstance(value, int | float) and math.isfinite(value):
            yield below + name, float(value)


def tags(version: ModelVersion) -> dict[str, str]:
    """What it is, and where recadmin shows it."""
    return {
        VERSION_ID: str(version.pk),
        PAGE: page(version),
        STATE: version.state,
        "recadmin.recommender": version.recommender.slug,
        "recadmin.version": str(version.number),
        "recadmin.verdict": str(version.metrics.get("verdict", ""))[:LONGEST_VALUE],
        "recadmin.artifact": artifact(version),
        "recadmin.digest": version.digest,
        "recadmin.watermark": version.watermark.isoformat() if version.watermark else "",
    }
