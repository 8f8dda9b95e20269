"""One batch to the server: what it takes is deleted, what it refuses is kept aside."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recadmin_client.decoding import decode
from recadmin_client.errors import Conflict, Invalid
from recadmin_client.rows import NDJSON, to_json
from recadmin_client.shapes import Received, RefusedRow
from recadmin_client.spool import REJECTED, Batch
from recadmin_client.transport import Transport

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivered:
    """How many rows of a batch were taken and refused."""

    accepted: int
    rejected: int


def deliver(transport: Transport, path: str, batch: Batch, root: Path) -> Delivered:
    """Send a batch to ``path`` and delete it; refused rows go to a file below ``root``.

    A batch that is refused as a whole is kept aside as a whole: sent again it would be refused
    again. All else that goes wrong is raised, and the batch stays. It may be called again after any
    crash: the file of refused rows is then written anew, the same.
    """
    try:
        content = batch.path.read_bytes()
    except FileNotFoundError:
        logger.warning("%s was deleted before it was sent", batch.path)
        return Delivered(0, 0)
    try:
        answer = decode(
            Received,
            transport.json(
                "POST",
                path,
                content=content,
                headers={"Batch-Id": batch.batch_id, "Content-Type": NDJSON},
            ),
        )
        accepted, refused = answer.accepted, answer.rejected
    except (Invalid, Conflict) as error:
        if isinstance(error, Conflict) and error.kind != "batch-conflict":
            raise
        accepted = 0
        refused = [RefusedRow(row, "", error.detail) for row in range(content.count(b"\n"))]
    if refused:
        _keep_aside(root / REJECTED, batch.batch_id, content.splitlines(), refused)
    # Gone already where this process let go of it, and another has sent it as well.
    batch.path.unlink(missing_ok=True)
    return Delivered(accepted, len(refused))


def bytes_aside(root: Path) -> int:
    """Bytes of the rows that were refused and that nobody has taken away."""
    folder = root / REJECTED
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.exists() else 0


def _keep_aside(
    folder: Path, batch_id: str, lines: list[bytes], refused: Iterable[RefusedRow]
) -> None:
    folder.mkdir(exist_ok=True)
    fresh = folder / f".{batch_id}"
    with fresh.open("wb") as file:
        for row in refused:
            kept = {"field": row.field, "error": row.error, "row": _row(lines[row.row])}
            file.write(to_json(kept) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / f"{batch_id}.ndjson")


def _row(line: bytes) -> object:
    """The row; as text where it is none, as after a loss of power."""
    try:
        return json.loads(line)
    except ValueError:
        return line.decode(errors="replace")
