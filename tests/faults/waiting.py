"""A learner that waits where it is told to, so that its worker can be killed at that very point.

It comes to the processes as any other package's learner does: by an entry point.
"""

import os
import time
from pathlib import Path

from updates.learners.sparse.linear import SparseLinear

FOLDER = "WAITING_LEARNERS"
ENTRY_POINT = "[recadmin.learners]\nwaiting = tests.faults.waiting:Waiting\n"


def install(folder: Path) -> dict[str, str]:
    """Make the learner known to processes with the environment that is returned."""
    about = folder / "waiting_learner-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: waiting-learner\nVersion: 1\n")
    (about / "entry_points.txt").write_text(ENTRY_POINT)
    return {"PYTHONPATH": str(folder), FOLDER: str(folder)}


class Waiting(SparseLinear):
    """``sparse_linear`` that waits in the run's phases, and nowhere else, while it is told to."""

    name = "waiting"

    def fit(self, *args, **kwargs):
        _wait_at("fit")
        return super().fit(*args, **kwargs)

    def learn(self, *args, **kwargs):
        _wait_at("learn")
        return super().learn(*args, **kwargs)

    def is_finite(self):
        _wait_at("evaluate")
        return super().is_finite()

    def save(self, folder):
        super().save(folder)
        _wait_at("save")


def _wait_at(point: str) -> None:
    told, waits = files(Path(os.environ[FOLDER]), point)
    if told.exists():
        waits.touch()
    while told.exists():
        time.sleep(0.005)


def files(folder: Path, point: str) -> tuple[Path, Path]:
    """The file that tells learners to wait at a point, and the one by which they say they do."""
    return folder / point, folder / f"{point}.waits"
