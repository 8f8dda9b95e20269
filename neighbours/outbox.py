"""What is to be told: found by comparing what exists with what was told, so that nothing is lost
with a process, and told by one caller at a time."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from neighbours.models import Neighbour

logger = logging.getLogger(__name__)

# Noticed in one go, and how long one tick may go on telling: the next goes on from there.
NOTICED_AT_ONCE = 1000
TELLING_SECONDS = 5.0
# By then whoever was writing a row with a lower id has written it, or never will.
WRITTEN_WITHIN = timedelta(hours=1)
LONGEST_ERROR = 500
SECRETS = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "OPENLINEAGE_API_KEY",
)
USER_OF_URL = re.compile(r"(?<=//)[^/\s@]+(?=@)")


class Unreachable(RuntimeError):
    """The neighbour does not answer, or takes nothing from us; says why, without secrets."""


class Refused(RuntimeError):
    """The neighbour answers, and will not have this one thing; says why, without secrets."""


def said(error: object) -> str:
    """An error as it may be shown and logged: no user or password of an address, no secret."""
    text = USER_OF_URL.sub("…", str(error))
    for name in SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "…")
    return text[:LONGEST_ERROR]


@contextmanager
def telling(name: str, now: datetime) -> Iterator[Neighbour | None]:
    """The neighbour, for the one caller that may tell it now; else None.

    Unreachable ends the caller's work, is written down and not raised.
    """
    neighbour, _ = Neighbour.objects.get_or_create(name=name)
    if not neighbour.claim(now):
        yield None
        return
    try:
        yield neighbour
    except Unreachable as error:
        logger.warning("%s, failure %d: %s", neighbour, neighbour.failures + 1, error)
        neighbour.failed(str(error))
    finally:
        neighbour.release()


def notice(
    neighbour: Neighbour, found: QuerySet, at: str, write: Callable[[list[Any]], object]
) -> None:
    """Have ``write`` make the rows of those among ``found`` that have none yet.

    at : the field that says when one was made. Ids come in order but are not seen in order, so that
    the mark up to which nothing is looked for again stays ``WRITTEN_WITHIN`` behind.
    """
    since = neighbour.noticed_to or 0
    rows = list(found.filter(pk__gt=since).order_by("pk")[:NOTICED_AT_ONCE])
    settled = {f"{at}__lt": timezone.now() - WRITTEN_WITHIN}
    passed = found.model.objects.filter(pk__gt=since, **settled)
    if len(rows) == NOTICED_AT_ONCE:
        passed = passed.filter(pk__lte=rows[-1].pk)
    mark = passed.aggregate(mark=Max("pk"))["mark"]
    with transaction.atomic():
        write(rows)
        if mark is not None:
            neighbour.note(noticed_to=mark)


def until_late(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows one by one, as long as there is time."""
    end = time.monotonic() + TELLING_SECONDS
    for row in rows:
        if time.monotonic() > end:
            return
        yield row
