"""This installation's joiners, one a recommender, and what they say of its labels."""

import logging
from datetime import datetime
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from recadmin.valkey import connection
from updates.models import Recommender
from updates.samples.batches import from_ms, to_ms
from updates.samples.durable import LogUnavailable
from updates.samples.errors import ParseError
from updates.samples.ipc import to_ipc
from updates.samples.joiner import Joiner, Request, Status
from updates.samples.joiner_delays import MATURE_SHARE, maturing_seconds
from updates.samples.joiner_rows import event_times_ms
from updates.samples.schema import IMPRESSION
from updates.samples.stream import digest

logger = logging.getLogger(__name__)

# Valkey does nothing else while it takes a request: 20,000 rows keep it for some 60 ms.
MOST_ROWS = 20_000


def joiner_of(recommender: Recommender) -> Joiner:
    """The joiner of a recommender, a challenger's being its champion's."""
    return Joiner(
        connection(),
        recommender.log_key,
        always_synced=settings.EMBEDDED_VALKEY,
        most_impressions=settings.JOINER_MOST_IMPRESSIONS,
    )


def request_of(
    recommender: Recommender, batch: pa.RecordBatch, batch_id: str, arrived_at: datetime | None
) -> Request:
    """Rows of impressions or feedback as the joiner takes them. Raises ParseError for too many."""
    if batch.num_rows > MOST_ROWS:
        raise ParseError(f"holds {batch.num_rows} rows, at most {MOST_ROWS} are joined at once")
    return Request(
        batch_id=batch_id,
        digest=digest(to_ipc(batch)),
        ids=batch.column(IMPRESSION).to_pylist(),
        event_times_ms=event_times_ms(batch).tolist(),
        arrived_at_ms=to_ms(arrived_at or timezone.now()),
        keep_answer_ms=1000 * recommender.feedback_horizon_seconds,
    )


def report(recommender: Recommender, now: datetime) -> dict[str, Any]:
    """All that the API and the page say of a recommender's joiner. Raises LogUnavailable."""
    status = joiner_of(recommender).status(to_ms(now))
    window = recommender.join_window_seconds
    return {
        "used": status.used,
        "delayed_feedback": recommender.delayed_feedback,
        "join_window_seconds": window,
        "feedback_horizon_seconds": recommender.feedback_horizon_seconds,
        "pending": status.counts["pending"],
        "remembered": status.remembered,
        "early_waiting": status.early_waiting,
        "counts": status.counts,
        "delays": {
            "labels": status.curve.labels,
            "within_window": status.curve.share_by(window),
            "seconds_for_95_percent": status.curve.seconds_for(MATURE_SHARE),
            "curve": [{"seconds": t, "share": share} for t, share in status.curve.points()],
        },
        "mature_through": _mature_through(recommender, status, now),
    }


def mature_through(recommender: Recommender, now: datetime | None = None) -> datetime | None:
    """Event time before which the labels of the samples in the log are what they will be.

    With wait a label is final when the window has ended. With fake negatives at least 95 % of the
    positives have come, by the measured delays of labels or, until those are known, by the horizon.
    Where the joiner is behind, so is this. Impressions are taken to arrive when they are shown.

    None where nothing was ever joined: samples then came with their labels. Raises LogUnavailable.
    """
    now = now or timezone.now()
    return _mature_through(recommender, joiner_of(recommender).status(to_ms(now)), now)


def _mature_through(recommender: Recommender, status: Status, now: datetime) -> datetime | None:
    if status.first_arrival_ms is None:
        return None
    now_ms = to_ms(now)
    oldest = (status.oldest_impression_ms, status.oldest_positive_ms)
    waiting = [at for at in oldest if at is not None]
    if recommender.fake_negatives:
        observed = (now_ms - status.first_arrival_ms) / 1000
        horizon = recommender.feedback_horizon_seconds
        seconds = maturing_seconds(status.curve, horizon, observed)
        return from_ms(min([now_ms, *waiting]) - round(1000 * seconds))
    return from_ms(min([now_ms - 1000 * recommender.join_window_seconds, *waiting]))


def delete_with_recommender(instance: Recommender, **kwargs: Any) -> None:
    """Receiver of post_delete: once a recommender is gone, so is what waits to be joined."""
    if instance.challenges_id is not None:
        return
    joiner = joiner_of(instance)

    def delete() -> None:
        try:
            joiner.delete()
        except LogUnavailable as error:
            logger.warning("%s stays in Valkey: %s", joiner.key_prefix, error)

    transaction.on_commit(delete)
