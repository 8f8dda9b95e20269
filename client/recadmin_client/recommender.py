"""One recommender: its freshness, updates, samples and scores."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from recadmin_client import retries
from recadmin_client.decoding import decode
from recadmin_client.errors import StillRunning
from recadmin_client.rows import Row, Rows, plain, to_body
from recadmin_client.shapes import (
    Appended,
    Deployment,
    Freshness,
    ModelVersion,
    Received,
    Recommended,
    Scored,
    Series,
    Taken,
    UpdateRun,
)
from recadmin_client.transport import Transport

FeatureTimes = Mapping[str, datetime]
# Between two looks at a run that is waited for.
FIRST_LOOK_SECONDS = 0.2
LONGEST_LOOK_SECONDS = 5.0


class Recommender:
    """A recommender by its slug; asks nothing until a method is called."""

    def __init__(self, transport: Transport, slug: str) -> None:
        self.slug = slug
        self._transport = transport
        self._path = f"recommenders/{quote(slug, safe='')}"

    def freshness(self) -> Freshness:
        """How fresh it is now, and from which facts."""
        return decode(Freshness, self._transport.get(f"{self._path}/freshness"))

    def update(
        self,
        *,
        policy: str | None = None,
        strategy: str | None = None,
        components: Sequence[str] | None = None,
        window_seconds: int | None = None,
        reason: str | None = None,
        wait: bool | float = False,
    ) -> UpdateRun:
        """Start an update as a policy says, or by a strategy.

        wait : True until the run has ended, or for so many seconds at most. Raises Conflict of kind
        ``writer-busy`` where another update is writing, StillRunning where the wait was too short.
        """
        wanted = {
            "policy": policy,
            "strategy": strategy,
            "components": components,
            "window_seconds": window_seconds,
            "reason": reason,
        }
        run = decode(UpdateRun, self._transport.post(f"{self._path}/updates", wanted))
        if wait is False:
            return run
        return wait_for(self._transport, run, None if wait is True else float(wait))

    def rollback(
        self, to: int, reason: str, *, hold: bool = False, hold_seconds: int | None = None
    ) -> Deployment:
        """Make a version live again that was live before.

        hold : pause the policies that would undo it, until somebody lifts that, or for
        ``hold_seconds``.
        """
        wanted = {"to": to, "reason": reason, "hold": hold, "hold_seconds": hold_seconds}
        return decode(Deployment, self._transport.post(f"{self._path}/rollback", wanted))

    def report_version(
        self,
        name: str,
        watermark: datetime,
        *,
        trained_since: datetime | None = None,
        metrics: Mapping[str, float] | None = None,
        uri: str | None = None,
        sha256: str | None = None,
    ) -> ModelVersion:
        """Tell of a model that was made elsewhere; the same again changes nothing.

        name : as predictions name it. watermark, trained_since : the newest and the oldest event
        time that it learned. uri : where it lies, which is not fetched. sha256 : of what lies
        there. Raises Conflict of kind ``version-conflict`` where another model has that name,
        TypeError for a time without a zone.
        """
        told = {
            "name": name,
            "watermark": watermark,
            "trained_since": trained_since,
            "metrics": dict(metrics) if metrics is not None else None,
            "uri": uri,
            "sha256": sha256,
        }
        return decode(ModelVersion, self._transport.post(f"{self._path}/versions", told))

    def score(self, rows: Sequence[Row], *, feature_times: FeatureTimes | None = None) -> Scored:
        """Probabilities of label 1, by the live version.

        feature_times : when the values of features were computed, by feature, for all rows.
        """
        asked = {"rows": rows, "feature_times": feature_times}
        return decode(Scored, self._transport.post(f"{self._path}/score", asked, once=False))

    def recommend(
        self, user: str, k: int = 10, *, seen: Sequence[str] = (), repeats: bool = False
    ) -> Recommended:
        """The k items that score highest for a user.

        seen : more items to leave out; their names hold no comma. repeats : whether items that the
        user has met may come again.
        """
        asked = self._transport.get(
            f"{self._path}/recommendations",
            user=user,
            k=k,
            seen=",".join(seen) or None,
            repeats="true" if repeats else None,
        )
        return decode(Recommended, asked)

    def metrics(
        self,
        name: str,
        *,
        label: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        points: int | None = None,
    ) -> Series:
        """A measurement over time, of the last 24 hours unless said otherwise.

        label : the policy, component, slice or feature that it is kept by.
        """
        asked = self._transport.get(
            f"{self._path}/metrics",
            name=name,
            label=label,
            points=points,
            **{"from": start and plain(start), "to": end and plain(end)},
        )
        return decode(Series, asked)

    def log_samples(
        self, rows: Rows, *, batch_id: str | None = None, feature_times: FeatureTimes | None = None
    ) -> Appended:
        """Send labelled samples; on the server's disk when this returns.

        rows : mappings, or an Arrow table or batch; at most 100,000. batch_id : sent again under
        the same name, they add nothing; a new one for each call unless given. Rows that are refused
        are in the answer.
        """
        return decode(Appended, self._send("samples", rows, batch_id, feature_times))

    def log_impressions(
        self, rows: Rows, *, batch_id: str | None = None, feature_times: FeatureTimes | None = None
    ) -> Taken:
        """Say what was shown, with its features as they were; see ``log_samples``."""
        return decode(Taken, self._send("impressions", rows, batch_id, feature_times))

    def log_feedback(self, rows: Rows, *, batch_id: str | None = None) -> Received:
        """Say which impressions were clicked (label 1, the default) or not; see ``log_samples``."""
        return decode(Received, self._send("feedback", rows, batch_id, None))

    def _send(
        self, what: str, rows: Rows, batch_id: str | None, feature_times: FeatureTimes | None
    ) -> Any:
        content, media_type = to_body(rows)
        headers = {"Batch-Id": batch_id or uuid4().hex, "Content-Type": media_type}
        if feature_times:
            headers["Feature-Times"] = json.dumps(dict(feature_times), default=plain)
        return self._transport.json(
            "POST", f"{self._path}/{what}", content=content, headers=headers
        )


def wait_for(transport: Transport, run: UpdateRun, seconds: float | None) -> UpdateRun:
    """The run when it has ended; raises StillRunning after ``seconds``, None for never."""
    deadline = None if seconds is None else time.monotonic() + seconds
    pause = FIRST_LOOK_SECONDS
    while not run.over:
        if deadline is not None and time.monotonic() + pause > deadline:
            raise StillRunning(f"run {run.id} is {run.state} after {seconds:g} s")
        retries.wait(pause)
        pause = min(LONGEST_LOOK_SECONDS, 1.5 * pause)
        run = decode(UpdateRun, transport.get(f"updates/{run.id}"))
    return run
