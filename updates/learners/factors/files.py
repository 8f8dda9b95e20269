"""How ``factors`` lies on disk: safetensors of each component, and the count of samples.

Each component's file names the space that it is in, so that users are never read beside the items
of another one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

ITEMS, ITEMS_LEARNING = "items.safetensors", "items_learning.safetensors"
USERS = "users.safetensors"
COUNT = "factors.json"
SPACE = "space"


class SpaceMismatch(ValueError):
    """Vectors of users met items that are not those they were learned with."""

    def __init__(self, needed: str, got: str) -> None:
        super().__init__(f"the users' vectors belong to item space {needed}, not to {got}")


def write(path: Path, arrays: dict[str, np.ndarray], space: str) -> None:
    """Write the arrays of a component that is in this space."""
    save_file({**arrays, SPACE: as_array(space)}, path)


def read(path: Path, space: str | None = None) -> tuple[dict[str, np.ndarray], str]:
    """The arrays and their space; raises SpaceMismatch unless it is the one given."""
    arrays = load_file(path)
    found = as_text(arrays.pop(SPACE))
    if space is not None and found != space:
        raise SpaceMismatch(found, space)
    return arrays, found


def as_array(text: str) -> np.ndarray:
    """ASCII as (n,) uint8."""
    return np.frombuffer(text.encode(), np.uint8)


def as_text(array: np.ndarray) -> str:
    """What ``as_array`` was given."""
    return array.tobytes().decode()


def write_count(folder: Path, position: int) -> None:
    """Write how many samples were learned: negatives are drawn by it."""
    (folder / COUNT).write_text(json.dumps({"position": position}))


def read_count(folder: Path) -> int:
    """What ``write_count`` wrote."""
    position: int = json.loads((folder / COUNT).read_text())["position"]
    return position
