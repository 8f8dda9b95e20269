"""How a wide & deep model lies on disk: safetensors of each component, and what binds them.

What serves and what only learning needs are files of their own, and so are the components: a
version may take each from another run.
"""

from __future__ import annotations

import json
from pathlib import Path

WIDE = "wide.safetensors"  # what serves of it is in weights.safetensors
EMBEDDINGS, EMBEDDINGS_LEARNING = "embeddings.safetensors", "embeddings_learning.safetensors"
UPPER, UPPER_LEARNING = "upper.safetensors", "upper_learning.safetensors"
PENDING = "pending.safetensors"
BOUND = "wide_deep.json"


class SpaceMismatch(ValueError):
    """A network met embeddings that are not those it belongs to."""

    def __init__(self, needed: str, got: str) -> None:
        super().__init__(f"the upper network belongs to embedding space {needed}, not to {got}")


def write_bound(folder: Path, space_id: str, coverage: tuple[int, int]) -> None:
    """Write which space the network belongs to, and what was looked up in it and known."""
    looked_up, known = coverage
    said = {"space_id": space_id, "looked_up": looked_up, "known": known}
    (folder / BOUND).write_text(json.dumps(said))


def read_bound(folder: Path, space_id: str) -> tuple[int, int]:
    """What ``write_bound`` wrote; raises SpaceMismatch unless it was of this space."""
    said = json.loads((folder / BOUND).read_text())
    if said["space_id"] != space_id:
        raise SpaceMismatch(said["space_id"], space_id)
    return said["looked_up"], said["known"]
