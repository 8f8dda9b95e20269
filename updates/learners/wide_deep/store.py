"""Files of vectors that were handed in: each below one folder, under the SHA-256 of its bytes.

So what a learner's option names is the content itself: it cannot be another file, nor change.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from updates.artifacts import sync_folder

DIGEST = re.compile("[0-9a-f]{64}")


class VectorsMissing(LookupError):
    """No file of that digest was handed in, or its bytes are others by now."""


class VectorFiles:
    """The files of an installation, which says where they are before any is asked for."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def put(self, content: bytes) -> str:
        """Keep a file; returns its digest. Raises ValueError while there is no folder."""
        if self.folder is None:
            raise ValueError("there is no folder for files of vectors")
        digest = hashlib.sha256(content).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).rename(self.folder / digest)
        sync_folder(self.folder)
        return digest

    def content(self, digest: str) -> bytes:
        """The bytes, after checking them. Raises VectorsMissing."""
        path = self.folder / digest if self.folder and DIGEST.fullmatch(digest) else None
        if path is None or not path.exists():
            raise VectorsMissing(f"there are no vectors {digest}: import them by import_vectors")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise VectorsMissing(f"the bytes of vectors {digest} are others by now")
        return content


FILES = VectorFiles()
