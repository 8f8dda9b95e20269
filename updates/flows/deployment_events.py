"""Deployments as events for servers that are not ours: what to serve, and with which files.

A deployment is its event, and its number the event's: written in the transaction that moves the
live pointer, so that there is no move without an event and no event without a move.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from recadmin import stopping
from updates.artifacts import MANIFEST, CorruptArtifact
from updates.models import Deployment, Recommender
from updates.store import artifacts

MOST_EVENTS = 100
LONGEST_WAIT_SECONDS = 30
# How often somebody who waits has the database asked.
LOOK_EVERY_SECONDS = 0.5
# Of the eight threads of a web process two may wait for events; who comes then is answered at once,
# and told when to come again.
MOST_WAITING = 2
COME_AGAIN_SECONDS = 5

_places = threading.BoundedSemaphore(MOST_WAITING)


def event(deployment: Deployment) -> dict[str, Any]:
    """What a server must know to serve it, as JSON.

    files : of the version, by name, with SHA-256 and bytes; the manifest among them, whose SHA-256
    is the version's digest. None where the manifest cannot be read.
    """
    version = deployment.version
    return {
        "id": deployment.pk,
        "kind": deployment.kind,
        "recommender": deployment.recommender.slug,
        "version": version.number,
        "previous_version": deployment.previous.number if deployment.previous else None,
        "digest": version.digest,
        "learner": version.learner,
        "watermark": version.watermark and version.watermark.isoformat(),
        "files": files_of(version.digest),
        "reason": deployment.reason,
        "at": deployment.started_at.isoformat(),
    }


def files_of(digest: str) -> dict[str, dict[str, Any]] | None:
    """Files of an artifact by name, the manifest among them; None where that cannot be read."""
    try:
        files = artifacts().manifest(digest)["files"]
        size = (artifacts().folder(digest) / MANIFEST).stat().st_size
    except (CorruptArtifact, OSError):
        return None
    return files | {MANIFEST: {"sha256": digest, "bytes": size}}


def newest_event(recommender: Recommender) -> list[Deployment]:
    """The deployment in force, if there is one."""
    return list(_deployments(recommender).order_by("-pk")[:1])


def events_after(recommender: Recommender, after: int) -> Sequence[Deployment]:
    """The first MOST_EVENTS deployments after the event of that number, oldest first."""
    return list(_deployments(recommender).filter(pk__gt=after).order_by("pk")[:MOST_EVENTS])


def wait_for_events(
    recommender: Recommender, after: int, seconds: float
) -> tuple[Sequence[Deployment], int]:
    """The same; where there is none yet, waits for one. Beside them, when to ask again, in seconds:
    at once, unless too many wait in this process already.

    seconds : how long to wait, LONGEST_WAIT_SECONDS at most, and no longer than this process lives.
    """
    found = events_after(recommender, after)
    if found or not seconds:
        return found, 0
    if not _places.acquire(blocking=False):
        return found, COME_AGAIN_SECONDS
    try:
        for _ in _looks(seconds):
            if found := events_after(recommender, after):
                break
    finally:
        _places.release()
    return found, 0


def _looks(seconds: float) -> Iterator[None]:
    until = time.monotonic() + min(seconds, LONGEST_WAIT_SECONDS)
    while (left := until - time.monotonic()) > 0 and not stopping.told.is_set():
        stopping.told.wait(min(LOOK_EVERY_SECONDS, left))
        yield


def _deployments(recommender: Recommender) -> Any:
    found = Deployment.objects.filter(recommender=recommender)
    return found.select_related("recommender", "version", "previous")
