"""Versions become runs and registered versions of MLflow; what is live has its alias ``live``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from neighbours.mlflow.entry import (
    PAGE,
    STATE,
    VERSION_ID,
    made_by,
    metrics,
    page,
    params,
    tags,
)
from neighbours.mlflow.server import Exists, Missing, answers, client
from neighbours.models import (
    MirroredAlias,
    MirroredVersion,
    Neighbour,
    NeighbourName,
)
from neighbours.outbox import Refused, notice, telling, until_late
from updates.models import ModelVersion, Recommender

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

LIVE = "live"
# Rows read in a tick, and looked at whether they have changed since they were told.
TOLD_AT_ONCE = 100
COMPARED_AT_ONCE = 5000


def mirror(now: datetime) -> None:
    """Tell MLflow what it does not know yet, for as long as one tick may take."""
    with telling(NeighbourName.MLFLOW, now) as neighbour:
        if neighbour is None:
            return
        _notice(neighbour)
        mlflow = None
        for row in until_late(_work(neighbour, now)):
            mlflow = mlflow or client()
            _tell(row, mlflow)
            neighbour.answered()


def waiting() -> int:
    """How much MLflow does not know yet."""
    unknown = ModelVersion.objects.filter(mirrored=None, imported=None)
    noticed = Neighbour.objects.filter(pk=NeighbourName.MLFLOW).values_list("noticed_to", flat=True)
    unknown = unknown.filter(pk__gt=noticed.first() or 0)
    untold = MirroredVersion.objects.filter(told_at=None)
    return unknown.count() + untold.count() + _moved().count()


def experiment_name(recommender: Recommender) -> str:
    """Of its experiment and of its registered model."""
    return f"{settings.MLFLOW_NAME_PREFIX}{recommender.slug}"


def _notice(neighbour: Neighbour) -> None:
    notice(
        neighbour,
        ModelVersion.objects.filter(mirrored=None, imported=None),
        "created_at",
        lambda versions: MirroredVersion.objects.bulk_create(
            [MirroredVersion(version=version) for version in versions], ignore_conflicts=True
        ),
    )


def _work(neighbour: Neighbour, now: datetime) -> Iterator[MirroredVersion | MirroredAlias]:
    """Aliases last: they may name what was told just before."""
    yield from _versions(now)
    yield from _changed(neighbour, now)
    yield from _aliases(now)


def _versions(now: datetime) -> list[MirroredVersion]:
    """In order, so that MLflow numbers them as they are numbered here where none is refused."""
    untold = MirroredVersion.objects.filter(MirroredVersion.due(now), told_at=None)
    known = untold.select_related("version__recommender", "version__parent")
    return list(known.order_by("version_id")[:TOLD_AT_ONCE])


def _changed(neighbour: Neighbour, now: datetime) -> list[MirroredVersion]:
    """Told ones whose state is another now, among the next in turn: the cost of a tick does not go
    by how many there are."""
    first = neighbour.compared_to
    last = first + COMPARED_AT_ONCE
    newest = MirroredVersion.objects.aggregate(newest=Max("pk"))["newest"] or 0
    neighbour.note(compared_to=0 if last >= newest else last)
    told = MirroredVersion.objects.filter(
        MirroredVersion.due(now), pk__gt=first, pk__lte=last, told_at__isnull=False
    )
    changed = told.exclude(told_state=F("version__state")).select_related("version__recommender")
    return list(changed[:TOLD_AT_ONCE])


def _moved() -> QuerySet:
    """Recommenders whose alias does not stand at what is live: where that was in MLflow first, at
    nothing."""
    live = Recommender.objects.exclude(live_version=None)
    told = Q(live_version__mirrored__told_at__isnull=False) & (
        Q(mirrored_alias__version=None) | ~Q(mirrored_alias__version=F("live_version__mirrored"))
    )
    theirs = Q(live_version__imported__isnull=False, mirrored_alias__version__isnull=False)
    return live.filter(told | theirs)


def _aliases(now: datetime) -> list[MirroredAlias]:
    moved = list(_moved().select_related("live_version")[:TOLD_AT_ONCE])
    MirroredAlias.objects.bulk_create(
        [MirroredAlias(recommender=recommender) for recommender in moved], ignore_conflicts=True
    )
    due = MirroredAlias.objects.filter(MirroredAlias.due(now), recommender__in=moved)
    return list(due.select_related("recommender__live_version", "version"))


def _tell(row: MirroredVersion | MirroredAlias, mlflow: MlflowClient) -> None:
    """Raises Unreachable."""
    try:
        with answers():
            if isinstance(row, MirroredAlias):
                _move_alias(row, mlflow)
            elif row.told_at is None:
                _mirror(row, mlflow)
            else:
                _retag(row, mlflow)
    except Refused as error:
        logger.warning("%s is refused: %s", row, error)
        row.refused(str(error))


def _mirror(row: MirroredVersion, mlflow: MlflowClient) -> None:
    version = row.version
    name = experiment_name(version.recommender)
    run_id = _run(version, name, mlflow)
    number = _registered(version, name, run_id, mlflow)
    row.note(
        mlflow_run_id=run_id,
        mlflow_model=name,
        mlflow_version=number,
        told_state=version.state,
        told_at=timezone.now(),
        failures=0,
        retry_at=None,
        error="",
    )


def _run(version: ModelVersion, name: str, mlflow: MlflowClient) -> str:
    """Its run's id. One that was begun by a caller that died is gone on with: it has the tags."""
    from mlflow.entities import Metric, Param

    experiment = _experiment(name, mlflow)
    run, about = made_by(version), tags(version)
    same = f"tags.`{VERSION_ID}` = '{version.pk}' and tags.`{PAGE}` = '{about[PAGE]}'"
    found = mlflow.search_runs([experiment], same, max_results=1)
    at = _milliseconds(version.created_at)
    begun = run.started_at if run and run.result_version_id == version.pk else None
    if found:
        run_id = found[0].info.run_id
    else:
        about |= {"mlflow.user": "recadmin", "mlflow.source.name": about[PAGE]}
        begun_at = _milliseconds(begun or version.created_at)
        made = mlflow.create_run(experiment, begun_at, about, f"{name} v{version.number}")
        run_id = made.info.run_id
    mlflow.log_batch(
        run_id,
        # By the version's number, so that a chart over runs has them in order.
        metrics=[Metric(k, v, at, version.number) for k, v in metrics(version, run).items()],
        params=[Param(k, v) for k, v in params(version, run).items()],
    )
    mlflow.set_terminated(run_id, "FINISHED", at)
    return str(run_id)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _experiment(name: str, mlflow: MlflowClient) -> str:
    known = mlflow.get_experiment_by_name(name)
    return str(known.experiment_id if known else mlflow.create_experiment(name))


def _registered(version: ModelVersion, name: str, run_id: str, mlflow: MlflowClient) -> str:
    found = _registered_of(name, run_id, mlflow)
    if not found:
        about = tags(version)
        found = [
            mlflow.create_model_version(
                name,
                # A reference that MLflow takes: of other hosts it refuses addresses, so that it can
                # be made to call none. Where the files are, a tag says.
                f"runs:/{run_id}/recadmin",
                run_id,
                about,
                description=f"Version {version.number}: {page(version)}",
                await_creation_for=0,
            )
        ]
    return str(found[0].version)


def _registered_of(name: str, run_id: str, mlflow: MlflowClient) -> list:
    same = f"name='{name}' and run_id='{run_id}'"
    try:
        with answers():
            mlflow.create_registered_model(name)
        return []
    except Exists:
        return list(mlflow.search_model_versions(same, max_results=1))


def _retag(row: MirroredVersion, mlflow: MlflowClient) -> None:
    """What MLflow has deleted since need not be told."""
    state = row.version.state
    try:
        with answers():
            mlflow.set_tag(row.mlflow_run_id, STATE, state)
            mlflow.set_model_version_tag(row.mlflow_model, row.mlflow_version, STATE, state)
    except Missing as error:
        logger.info("%s is gone: %s", row, error)
    row.note(told_state=state, failures=0, retry_at=None, error="")


def _move_alias(row: MirroredAlias, mlflow: MlflowClient) -> None:
    name, live = experiment_name(row.recommender), row.recommender.live_version
    mirrored = MirroredVersion.objects.filter(version=live).first()
    if mirrored is None:
        mlflow.delete_registered_model_alias(name, LIVE)
    else:
        mlflow.set_registered_model_alias(mirrored.mlflow_model, LIVE, mirrored.mlflow_version)
    row.note(version=mirrored, failures=0, retry_at=None, error="")
