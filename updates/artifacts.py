"""Versions on disk: content-addressed folders with a manifest, published atomically.

A folder holds the learner's files and ``manifest.json``: the SHA-256 and size of each file and
what the version was made from. The version's digest is the SHA-256 of the manifest, so that it
vouches for every byte; nothing in the manifest depends on when or by whom it was written: the
same learning gives the same digest. Imports no Django.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
FORMAT = 1


class ChecksumMismatch(ValueError):
    """What was sent is not what its sender said that it is."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"what arrived has SHA-256 {found}, not {expected}")


class CorruptArtifact(RuntimeError):
    """An artifact whose bytes are not those that were published; names the file."""


@dataclass(frozen=True)
class Artifact:
    """A published artifact: its digest, folder and size in bytes."""

    digest: str
    folder: Path
    bytes: int


@dataclass(frozen=True)
class Draft:
    """Files that were written and not published: where they lie for now, and their digest."""

    digest: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """What it would be published with."""
        return _read_manifest(self.folder, self.digest)


class ArtifactStore:
    """Artifacts below one folder, each under its digest."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, digest: str) -> Path:
        """Where the artifact of that digest lies."""
        return self.root / digest[:2] / digest

    def publish(self, save: Callable[[Path], None], about: dict[str, Any]) -> Artifact:
        """Have ``save`` write the files, add the manifest, and make all visible at once.

        Whatever instant the process dies at, the artifact is there whole or not at all. Publishing
        the same content twice leaves one copy.
        """
        with self.draft(save, about) as draft:
            self._put(draft.folder, draft.digest)
        folder = self.folder(draft.digest)
        return Artifact(draft.digest, folder, sum(f.stat().st_size for f in folder.iterdir()))

    @contextmanager
    def draft(self, save: Callable[[Path], None], about: dict[str, Any]) -> Iterator[Draft]:
        """What ``publish`` would write, with its digest, seen by nobody else and gone after."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.root))
        try:
            save(folder)
            yield Draft(_write_manifest(folder, about), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def stage(self, name: str, chunks: Iterable[bytes], sha256: str) -> int:
        """Write a file that comes in pieces, for ``staged`` to find; how many bytes it has.

        Raises ChecksumMismatch, with nothing kept; what is never published is swept as a draft.
        """
        folder = self._staging(name)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=folder)
        try:
            found, size = hashlib.sha256(), 0
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    found.update(chunk)
                    size += len(chunk)
            if found.hexdigest() != sha256:
                raise ChecksumMismatch(sha256, found.hexdigest())
            Path(draft).replace(folder / sha256)
            return size
        finally:
            Path(draft).unlink(missing_ok=True)

    def staged(self, name: str, sha256: str) -> Path:
        """Where a staged file lies, if it is there still."""
        return self._staging(name) / sha256

    def unstage(self, name: str) -> None:
        """Let go of what was staged under that name."""
        shutil.rmtree(self._staging(name), ignore_errors=True)

    def _staging(self, name: str) -> Path:
        return self.root / f".draft-{name}"

    def _put(self, draft: Path, digest: str) -> None:
        target = self.folder(digest)
        target.parent.mkdir(exist_ok=True)
        sync_folder(draft)
        if target.exists():
            try:
                self._renew(digest)
                return
            except CorruptArtifact:
                shutil.rmtree(target)
        try:
            draft.rename(target)
        except OSError:
            # Another has published the same meanwhile.
            if not target.exists():
                raise
            self._renew(digest)
        sync_folder(target.parent)

    def _renew(self, digest: str) -> None:
        """As if new: whoever publishes it has yet to say so. Raises CorruptArtifact."""
        os.utime(self.open(digest))

    def open(self, digest: str) -> Path:
        """The folder, after checking every byte against the digest. Raises CorruptArtifact."""
        folder = self.folder(digest)
        for name, expected in self.manifest(digest)["files"].items():
            path = folder / name
            if not path.exists():
                raise CorruptArtifact(f"artifact {digest[:12]} is missing {name}")
            if file_digest(path) != expected["sha256"]:
                raise CorruptArtifact(f"artifact {digest[:12]}: checksum mismatch in {name}")
        return folder

    def read(self, digest: str, name: str) -> bytes | None:
        """One file of an artifact, checked; None where it has no such file. Raises
        CorruptArtifact."""
        expected = self.manifest(digest)["files"].get(name)
        if expected is None:
            return None
        try:
            content = (self.folder(digest) / name).read_bytes()
        except FileNotFoundError:
            raise CorruptArtifact(f"artifact {digest[:12]} is missing {name}") from None
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise CorruptArtifact(f"artifact {digest[:12]}: checksum mismatch in {name}")
        return content

    def manifest(self, digest: str) -> dict[str, Any]:
        """What the artifact is and was made from. Raises CorruptArtifact."""
        return _read_manifest(self.folder(digest), digest)

    def prune(self, digest: str) -> None:
        """Remove an artifact's files but the manifest: how it was made stays known."""
        folder = self.folder(digest)
        if folder.exists():
            for path in folder.iterdir():
                if path.name != MANIFEST:
                    path.unlink(missing_ok=True)

    def delete(self, digest: str) -> None:
        """Remove an artifact, if it is there."""
        shutil.rmtree(self.folder(digest), ignore_errors=True)

    def published_before(self, moment: float) -> set[str]:
        """Digests of what was last published before that time (seconds since 1970)."""
        folders = self.root.glob("[!.]*/*")
        return {folder.name for folder in folders if _changed_at(folder) < moment}

    def sweep_drafts(self, moment: float) -> int:
        """Remove drafts that nobody has written to since then: their writer died. How many."""
        drafts = list(self.root.glob(".draft-*"))
        dead = [d for d in drafts if max(map(_changed_at, [d, *d.glob("*")])) < moment]
        for draft in dead:
            shutil.rmtree(draft, ignore_errors=True)
        return len(dead)


def _changed_at(path: Path) -> float:
    """Seconds since 1970; infinite where it is gone by now."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on disk before anything says that they are."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_manifest(folder: Path, digest: str) -> dict[str, Any]:
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise CorruptArtifact(f"artifact {digest[:12]} is missing {MANIFEST}") from None
    if hashlib.sha256(manifest).hexdigest() != digest:
        raise CorruptArtifact(f"artifact {digest[:12]}: checksum mismatch in {MANIFEST}")
    read: dict[str, Any] = json.loads(manifest)
    return read


def _write_manifest(folder: Path, about: dict[str, Any]) -> str:
    files = {}
    for path in sorted(folder.iterdir()):
        _sync_file(path)
        files[path.name] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    manifest = json.dumps(
        {"format": FORMAT, **about, "files": files}, sort_keys=True, indent=1
    ).encode()
    path = folder / MANIFEST
    path.write_bytes(manifest)
    _sync_file(path)
    return hashlib.sha256(manifest).hexdigest()


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
