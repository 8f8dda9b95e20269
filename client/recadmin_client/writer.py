"""The batch being written: rows appended to a file until it is sealed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from recadmin_client.spool import Batch, Folder, append


class Writer:
    """Writes the batches of one process, in a folder that is made for the first row.

    For one thread at a time. rows, bytes : of the batch being written. opened_at : when it got its
    first row, by ``time.monotonic``.
    """

    def __init__(self, root: Path, sender: str) -> None:
        self._root = root
        self._sender = sender
        self._folder: Folder | None = None
        self._path = Path()
        self._file = -1
        self.rows = self.bytes = 0
        self.opened_at = 0.0

    def append(self, lines: bytes, rows: int) -> None:
        """Add so many rows; where the disk does not take them, it holds none (OSError)."""
        if self._file < 0:
            self._open()
        append(self._file, lines)
        self.rows += rows
        self.bytes += len(lines)

    def seal(self) -> Batch | None:
        """The batch, complete; None where nothing was written since the last."""
        if self.rows == 0 or self._folder is None:
            return None
        os.close(self._file)
        self._file = -1
        self.rows = self.bytes = 0
        return self._folder.seal(self._path)

    def close(self) -> None:
        """Let go of the folder; what is in it is for the next process."""
        if self._folder is not None:
            self._folder.release()
            self._folder = None

    def leave_to_parent(self) -> None:
        """In a forked child: file and folder stay the parent's."""
        if self._file >= 0:
            os.close(self._file)
        if self._folder is not None:
            self._folder.leave_to_parent()

    def _open(self) -> None:
        if self._folder is None:
            self._folder = Folder.create(self._root, self._sender)
        self._path = self._folder.begin()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._file = os.open(self._path, flags, 0o600)
        self.opened_at = time.monotonic()
