"""Keep the file that a trainer sends until it publishes: to disk as it comes, never looked into."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.utils import timezone

from updates.flows.external.reports import at_work, renew
from updates.models import Assignment, UpdateRun
from updates.store import artifacts

# What an uploaded model is called in its version's folder, whatever its sender calls it.
FILE = "model"
RENEW_SECONDS = 1.0


class TooLarge(ValueError):
    """A model of more bytes than the installation takes."""

    def __init__(self) -> None:
        super().__init__(f"A model may have {settings.EXTERNAL_ARTIFACT_BYTES:,} bytes at most.")


def staging(assignment: Assignment) -> str:
    """Name under which an attempt's file waits."""
    return f"upload-{assignment.run_id}-{assignment.attempt}"


def upload(run: UpdateRun, attempt: int, chunks: Iterable[bytes], *, sha256: str, name: str) -> int:
    """How many bytes were kept. It is a sign of life, too.

    Raises AttemptOver, TooLarge and ChecksumMismatch, with nothing kept.
    """
    assignment = at_work(run, attempt)
    renewing = _renewing(_bounded(chunks), assignment)
    size = artifacts().stage(staging(assignment), renewing, sha256)
    assignment = at_work(run, attempt)
    assignment.note(
        artifact_sha256=sha256, artifact_name=name, artifact_bytes=size, deliver_at=None
    )
    return size


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    left = settings.EXTERNAL_ARTIFACT_BYTES
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise TooLarge
        yield chunk


def _renewing(chunks: Iterable[bytes], assignment: Assignment) -> Iterator[bytes]:
    """The chunks; while they come, their sender is not taken for silent."""
    due = 0.0
    for chunk in chunks:
        if time.monotonic() >= due:
            renew(assignment, timezone.now())
            due = time.monotonic() + RENEW_SECONDS
        yield chunk
