"""Versions of a model of MLflow's registry become versions of a recommender, by reference."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from neighbours.mlflow.digest import folder_sha256
from neighbours.mlflow.entry import VERSION_ID
from neighbours.mlflow.server import Missing, answers, client
from neighbours.models import FollowedAlias, ImportedVersion
from neighbours.outbox import Refused, Unreachable, said
from updates.flows.external.publish import ReportError
from updates.flows.promote import promote
from updates.flows.report_version import ReportedVersion, VersionConflict, report_version
from updates.models import Deployment, ModelVersion, Recommender

if TYPE_CHECKING:
    from mlflow import MlflowClient

WATERMARK_TAG = "recadmin.watermark"
VERSIONS_A_PAGE = 100


class NotImported(RuntimeError):
    """Nothing can be imported; says why."""


@dataclass
class Imported:
    """What came of it. left_out : MLflow's version, and why it is none here. unsummed : those whose
    files could not be read, so that they have no SHA-256. deployment : None where what is live has
    not changed, for the reason in ``unmoved``."""

    versions: list[ImportedVersion] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    unsummed: list[tuple[str, str]] = field(default_factory=list)
    deployment: Deployment | None = None
    unmoved: str = ""


def import_model(
    recommender: Recommender, model: str, *, alias: str = "", watermark_tag: str = WATERMARK_TAG
) -> Imported:
    """Record the versions that are not here yet; make live what the alias names, if it has moved.

    watermark_tag : of the version or its run, the newest event time that it has learned, ISO 8601
    with an offset from UTC. When a run began or ended says nothing of that: a version without the
    tag is left out.
    Raises NotImported; what was recorded until then stays.
    """
    if recommender.trained_here:
        raise NotImported(f"recadmin itself trains {recommender.slug} ({recommender.learner}).")
    if not settings.MLFLOW_TRACKING_URI:
        raise NotImported("MLFLOW_TRACKING_URI is not set.")
    found = Imported()
    try:
        mlflow = client()
        with answers():
            aliased = _aliased(mlflow, model, alias)
            known = ImportedVersion.objects.filter(recommender=recommender, mlflow_model=model)
            here = set(known.values_list("mlflow_version", flat=True))
            for theirs in _versions(mlflow, model):
                if str(theirs.version) not in here:
                    _take(recommender, mlflow, theirs, watermark_tag, found)
    except (Refused, Unreachable) as error:
        raise NotImported(str(error)) from error
    if alias:
        _follow(recommender, model, alias, aliased, found)
    return found


def _aliased(mlflow: MlflowClient, model: str, alias: str) -> str:
    """The version that it names, "" without an alias. Raises Missing."""
    if not alias:
        return ""
    return str(mlflow.get_model_version_by_alias(model, alias).version)


def _versions(mlflow: MlflowClient, model: str) -> list[Any]:
    """Oldest first. Raises Missing where there is no such model."""
    mlflow.get_registered_model(model)
    found, page = [], None
    name = model.replace("'", "\\'")
    while page is None or page:
        answer = mlflow.search_model_versions(
            f"name='{name}'", max_results=VERSIONS_A_PAGE, page_token=page
        )
        found += answer
        page = answer.token or ""
    return sorted(found, key=lambda theirs: int(theirs.version))


def _take(
    recommender: Recommender,
    mlflow: MlflowClient,
    theirs: Any,
    watermark_tag: str,
    found: Imported,
) -> None:
    number = str(theirs.version)
    if VERSION_ID in theirs.tags:
        found.left_out.append((number, "recadmin itself has registered it"))
        return
    if theirs.status != "READY":
        found.left_out.append((number, f"MLflow says that it is {theirs.status}"))
        return
    run = _run(mlflow, theirs.run_id)
    told = theirs.tags.get(watermark_tag) or (run.data.tags.get(watermark_tag) if run else None)
    try:
        reported = ReportedVersion(
            name=f"{theirs.name}/{number}",
            watermark=_watermark(told, watermark_tag),
            metrics=dict(_finite(run.data.metrics)) if run else {},
            uri=f"models:/{theirs.name}/{number}",
            sha256=_sha256(mlflow, theirs, found),
            origin={"source": theirs.source or "", "mlflow_run": theirs.run_id or ""},
        )
        with transaction.atomic():
            version, _ = report_version(recommender, reported, live=False)
            found.versions.append(
                ImportedVersion.objects.create(
                    version=version,
                    recommender=recommender,
                    mlflow_model=theirs.name,
                    mlflow_version=number,
                )
            )
    except (_NoWatermark, ReportError, VersionConflict) as why:
        found.left_out.append((number, str(why).rstrip(".")))


class _NoWatermark(ValueError):
    """Up to when the version has learned is not known; says why."""


def _watermark(told: str | None, tag: str) -> datetime:
    if not told:
        raise _NoWatermark(f"neither it nor its run has the tag {tag}")
    try:
        watermark = datetime.fromisoformat(told)
    except ValueError:
        raise _NoWatermark(f"its tag {tag} is no time of ISO 8601: {told}") from None
    if watermark.tzinfo is None:
        raise _NoWatermark(f"its tag {tag} names no offset from UTC: {told}")
    return watermark


def _run(mlflow: MlflowClient, run_id: str | None) -> Any:
    """None where the version has none, or that was deleted."""
    if not run_id:
        return None
    try:
        with answers():
            return mlflow.get_run(run_id)
    except Missing:
        return None


def _finite(metrics: dict[str, float]) -> Iterator[tuple[str, float]]:
    return ((name, value) for name, value in metrics.items() if math.isfinite(value))


def _sha256(mlflow: MlflowClient, theirs: Any, found: Imported) -> str:
    """Of the version's files; "" where these cannot be read from here."""
    from mlflow.artifacts import download_artifacts

    number = str(theirs.version)
    with tempfile.TemporaryDirectory(prefix="recadmin-mlflow-") as folder:
        try:
            where = mlflow.get_model_version_download_uri(theirs.name, number)
            uri = settings.MLFLOW_TRACKING_URI
            path = download_artifacts(artifact_uri=where, dst_path=folder, tracking_uri=uri)
        except Exception as why:
            # Of whatever store the files lie in, each with errors of its own.
            found.unsummed.append((number, said(why)))
            return ""
        return folder_sha256(Path(path))


def _follow(
    recommender: Recommender, model: str, alias: str, aliased: str, found: Imported
) -> None:
    """Only where the alias has moved since it was last followed: who has promoted or rolled back
    here in between knew better."""
    if recommender.follows_predictions:
        found.unmoved = "its own servers say what is live"
        return
    of = {"recommender": recommender, "mlflow_model": model, "alias": alias}
    before = FollowedAlias.objects.filter(**of).first()
    if before is not None and before.mlflow_version == aliased:
        found.unmoved = f"{model}@{alias} still names version {aliased}"
        return
    version = ModelVersion.objects.filter(
        recommender=recommender,
        imported__mlflow_model=model,
        imported__mlflow_version=aliased,
    ).first()
    if version is None:
        raise NotImported(f"{model}@{alias} names version {aliased}, which was left out.")
    recommender.refresh_from_db(fields=["live_version"])
    with transaction.atomic():
        FollowedAlias.objects.update_or_create(**of, defaults={"mlflow_version": aliased})
        if recommender.live_version_id == version.pk:
            found.unmoved = f"version {version.number} is live already"
            return
        found.deployment = promote(
            version, reason=f"MLflow's {model}@{alias} names version {aliased}"
        )
