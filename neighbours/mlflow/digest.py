"""One SHA-256 for a folder of files, such as anyone can work out with a shell:

``find . -type f | sed 's|^\\./||' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum``
"""

from __future__ import annotations

import hashlib
from pathlib import Path


def folder_sha256(folder: Path) -> str:
    """Of the lines that sha256sum prints of its files, in the order of their paths' bytes.

    A single file counts as a folder with it. What is read is neither run nor unpickled.
    """
    root, files = (
        (folder, folder.rglob("*")) if folder.is_dir() else (folder.parent, iter([folder]))
    )
    names = sorted(
        path.relative_to(root).as_posix().encode()
        for path in files
        if path.is_file() and not path.is_symlink()
    )
    lines = hashlib.sha256()
    for name in names:
        with (root / name.decode()).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.update(f"{digest}  ".encode() + name + b"\n")
    return lines.hexdigest()
