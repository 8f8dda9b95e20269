"""The last and the next update of many recommenders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db.models import Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from updates.cadence import TIMED
from updates.models import ModelVersion, Recommender, UpdatePolicy, UpdateRun


def last_runs(pks: Collection[int]) -> dict[int, UpdateRun]:
    """The newest run by recommender pk, of those that have any."""
    newest = Recommender.objects.filter(pk__in=pks).values(run=_newest_run("pk"))
    return {run.recommender_id: run for run in UpdateRun.objects.filter(pk__in=newest)}


def last_reports(pks: Collection[int]) -> dict[int, ModelVersion]:
    """The newest version by recommender pk, of those that have any; no query for none."""
    if not pks:
        return {}
    newest = ModelVersion.objects.filter(recommender=OuterRef("pk")).order_by("-number")
    chosen = Recommender.objects.filter(pk__in=pks).values(
        version=Subquery(newest.values("pk")[:1])
    )
    return {
        version.recommender_id: version for version in ModelVersion.objects.filter(pk__in=chosen)
    }


def last_moved() -> dict[int, datetime | None]:
    """When each recommender's newest run ended, or was queued where it has not."""
    at = _newest_run(Coalesce("finished_at", "queued_at"))
    return dict(Recommender.objects.order_by().values_list("pk", at))


def policies_of(pks: Collection[int]) -> dict[int, list[UpdatePolicy]]:
    """Policies by recommender pk, in the order of their names."""
    found = defaultdict(list)
    for policy in UpdatePolicy.objects.filter(recommender__in=pks).order_by("name"):
        found[policy.recommender_id].append(policy)
    return found


def next_due() -> dict[int, datetime]:
    """The earliest time at which a policy fires, by recommender pk, where one does by the clock."""
    timed = UpdatePolicy.objects.filter(enabled=True, hold_reason="", trigger__in=TIMED)
    times = timed.order_by().values_list("recommender").annotate(at=Min("next_due_at"))
    return {pk: at for pk, at in times if at is not None}


def _newest_run(what: object) -> Subquery:
    runs: QuerySet = UpdateRun.objects.filter(recommender=OuterRef("pk")).order_by("-id")
    return Subquery(runs.values_list(what)[:1])
