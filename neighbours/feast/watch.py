"""One look at Feast: who is asked about, which rows, and what is told of it.

What requests carry themselves counts (``sent``): of a feature that they tell the time of, Feast is
not heard.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from neighbours.feast import LOOK_SECONDS
from neighbours.feast.asked import LookFailed, ask
from neighbours.feast.sent import lately_sent
from recadmin.valkey import connection
from updates import signals
from updates.models import Recommender
from updates.samples.archive import CorruptSegment
from updates.samples.durable import LogUnavailable, unavailable_as_such
from updates.samples.log import SampleLog
from updates.samples.stream import LogGap

logger = logging.getLogger(__name__)

# Of so many newest samples the entities are looked up.
ROWS = 100
CLAIM = "recadmin:feast-look"
SOURCE = "feast"


def look() -> None:
    """Tell how old the values of features are that requests would get now; once at a time."""
    recommenders = {recommender.slug: recommender for recommender in Recommender.objects.all()}
    if not (recommenders and _claimed()):
        return
    fields = {slug: list(r.sample_schema.fields) for slug, r in recommenders.items()}

    def rows_of(wanted: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
        return {slug: _newest(recommenders[slug], names) for slug, names in wanted.items()}

    try:
        found = ask(fields, rows_of)
    except LookFailed as error:
        logger.warning("%s", error)
        _tell_problems(None, [error.said])
        return
    _tell_problems(None, [])
    # Once it is over: what is counted for a time long gone is in no series.
    now = timezone.now()
    for slug, answer in found.items():
        for problem in answer["problems"]:
            logger.warning("%s: %s %s", slug, problem["said"], problem["detail"])
        _tell_problems(recommenders[slug], [p["said"] for p in answer["problems"]])
        _tell_ages(recommenders[slug], answer["times"], now)


def _claimed() -> bool:
    """Whether nobody looks already: two beats, or a look that takes long."""
    try:
        with unavailable_as_such():
            return bool(connection().set(CLAIM, 1, nx=True, ex=LOOK_SECONDS))
    except LogUnavailable as error:
        logger.warning("Feast is not asked: %s", error)
        return False


def _newest(recommender: Recommender, names: list[str]) -> dict[str, Any]:
    """Values of these fields in the newest samples."""
    log = SampleLog(recommender)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    rows = 0
    try:
        last = log.head().last_offset
        for batch in log.read(last - ROWS + 1, last + 1):
            rows += batch.num_rows
            for name in names:
                columns[name] += batch.column(name).to_pylist()
    except (CorruptSegment, LogGap, LogUnavailable) as error:
        logger.warning("%s: entities are not looked up: %s", recommender.slug, error)
        return {"rows": 0, "columns": {name: [] for name in names}}
    return {"rows": rows, "columns": columns}


def _tell_ages(
    recommender: Recommender, times: Mapping[str, list[float | None]], now: datetime
) -> None:
    sent = lately_sent(recommender, now)
    ages = {
        field: [max(0.0, now.timestamp() - at) for at in found if at is not None]
        for field, found in times.items()
        if field not in sent
    }
    if any(ages.values()):
        rows = max(map(len, times.values()))
        signals.features_used.send(
            look, recommender=recommender, ages_seconds=ages, rows=rows, at=now
        )


def _tell_problems(recommender: Recommender | None, problems: list[str]) -> None:
    signals.features_unknown.send(look, recommender=recommender, source=SOURCE, problems=problems)
