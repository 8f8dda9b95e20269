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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
FORMAT = 1


class CorruptArtifact(RuntimeError):
    """An artifact whose bytes are not those that were published; names the file."""


@dataclass(frozen=True)
class Artifact:
    """A published artifact: its digest, folder and size in bytes."""

    digest: str
    folder: Path
    bytes: int


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
        self.root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.root))
        try:
            save(draft)
            digest = _write_manifest(draft, about)
            self._put(draft, digest)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        folder = self.folder(digest)
        return Artifact(digest, folder, sum(f.stat().st_size for f in folder.iterdir()))

    def _put(self, draft: Path, digest: str) -> None:
        target = self.folder(digest)
        target.parent.mkdir(exist_ok=True)
        sync_folder(draft)
        if target.exists():
            try:
                self.open(digest)
                return
            except CorruptArtifact:
                shutil.rmtree(target)
        draft.rename(target)
        sync_folder(target.parent)

    def open(self, digest: str) -> Path:
        """The folder, after checking every byte against the digest. Raises CorruptArtifact."""
        folder = self.folder(digest)
        try:
            manifest = (folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            raise CorruptArtifact(f"artifact {digest[:12]} is missing {MANIFEST}") from None
        if hashlib.sha256(manifest).hexdigest() != digest:
            raise CorruptArtifact(f"artifact {digest[:12]}: checksum mismatch in {MANIFEST}")
        for name, expected in json.loads(manifest)["files"].items():
            path = folder / name
            if not path.exists():
                raise CorruptArtifact(f"artifact {digest[:12]} is missing {name}")
            if file_digest(path) != expected["sha256"]:
                raise CorruptArtifact(f"artifact {digest[:12]}: checksum mismatch in {name}")
        return folder

    def delete(self, digest: str) -> None:
        """Remove an artifact, if it is there."""
        shutil.rmtree(self.folder(digest), ignore_errors=True)


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
