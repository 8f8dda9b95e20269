"""Rows on disk until the server has them: folders of batches, each locked by one process.

    SPOOL/<slug>/<what>/<sender>-<random>/lock              held by flock while its process lives
                                          00000001.ndjson   a batch: written once, then sent
                                          00000002.open     the batch being written
    SPOOL/<slug>/<what>/rejected/<Batch-Id>.ndjson          rows that the server refused, with why

The kernel lets go of a lock when its process dies, however it does: another then adopts the
folder. A batch's ``Batch-Id`` is made of its folder's and its own name, so that whoever sends it,
and however often, it is one batch to the server.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

LOCK = "lock"
REJECTED = "rejected"
OPEN, SEALED = ".open", ".ndjson"


@dataclass(frozen=True)
class Batch:
    """A batch that is complete: its content never changes again."""

    path: Path
    bytes: int

    @property
    def batch_id(self) -> str:
        """As the server knows it."""
        return f"{self.path.parent.name}-{self.path.stem}"


class Folder:
    """A folder of batches that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._count = 0

    @classmethod
    def create(cls, root: Path, sender: str) -> Self:
        """A new one below ``root``; it gets its name when it is locked."""
        name = f"{sender}-{uuid4().hex[:12]}"
        fresh = root / f".{name}"
        fresh.mkdir(parents=True)
        lock = os.open(fresh / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return cls(fresh.rename(root / name), lock)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """The folder of a process that is gone; None where it lives, or another has adopted it."""
        try:
            lock = os.open(path / LOCK, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            adopted = (path / LOCK).stat().st_ino == os.fstat(lock).st_ino
        except (BlockingIOError, FileNotFoundError):
            adopted = False
        if not adopted:
            os.close(lock)
            return None
        return cls(path, lock)

    def begin(self) -> Path:
        """The path of the next batch to be written."""
        self._count += 1
        return self.path / f"{self._count:08d}{OPEN}"

    def seal(self, path: Path) -> Batch:
        """A batch that has been written, complete from now on."""
        sealed = path.rename(path.with_suffix(SEALED))
        return Batch(sealed, sealed.stat().st_size)

    def recover(self) -> list[Batch]:
        """Of an adopted folder: its batches in order, the one that was being written sealed.

        A last line without an end is cut off: whoever logged it was never told that it is there.
        """
        for path in self.path.glob(f"*{OPEN}"):
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole == 0:
                path.unlink()
                continue
            os.truncate(path, whole)
            self.seal(path)
        return [Batch(path, path.stat().st_size) for path in sorted(self.path.glob(f"*{SEALED}"))]

    def release(self) -> None:
        """Let go of it; it is deleted where nothing is left in it."""
        if not any(path.name != LOCK for path in self.path.iterdir()):
            (self.path / LOCK).unlink()
            self.path.rmdir()
        os.close(self._lock)

    def leave_to_parent(self) -> None:
        """In a forked child: the lock stays the parent's."""
        os.close(self._lock)


def adopt_all(root: Path) -> Iterator[Folder]:
    """The folders below ``root`` whose processes are gone."""
    for path in sorted(root.iterdir()):
        if path.name != REJECTED and not path.name.startswith(".") and path.is_dir():
            adopted = Folder.adopt(path)
            if adopted is not None:
                yield adopted


def sync(path: Path) -> None:
    """Have a file, and that it is in its folder, on disk."""
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def append(descriptor: int, content: bytes) -> None:
    """Append to a file: all of it, or nothing where that fails (OSError)."""
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise
