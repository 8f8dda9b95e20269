"""How factors lie on disk: safetensors of each side, and what binds them.

Items have their names and the intercept with them, so that they alone rank for any user vector.
"""

from __future__ import annotations

import json
from pathlib import Path

ITEMS, USERS = "items.safetensors", "users.safetensors"
BOUND = "factors.json"


class SpaceMismatch(ValueError):
    """User vectors met items that are not those they belong to."""

    def __init__(self, needed: str, got: str) -> None:
        super().__init__(f"the users belong to item space {needed}, not to {got}")


def write_bound(folder: Path, space_id: str) -> None:
    """Write which space the users belong to."""
    (folder / BOUND).write_text(json.dumps({"space_id": space_id}))


def check_bound(folder: Path, space_id: str) -> None:
    """Raises SpaceMismatch unless the users belong to this space."""
    needed = json.loads((folder / BOUND).read_text())["space_id"]
    if needed != space_id:
        raise SpaceMismatch(needed, space_id)
