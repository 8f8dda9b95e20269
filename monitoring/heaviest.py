"""The features that weigh most in a version."""

from __future__ import annotations

from dataclasses import dataclass

from updates.models import ModelVersion
from updates.serving.loader import load

MOST = 20


@dataclass(frozen=True)
class Weight:
    """Weight of one feature value; ``share`` is its magnitude in percent of the largest."""

    field: str
    value: str
    weight: float
    share: float


def heaviest_weights(version: ModelVersion) -> list[Weight] | None:
    """The largest weights by magnitude; None where the learner cannot list them.

    Raises CorruptArtifact.
    """
    if not version.recommender.trained_here:
        return None
    learner = load(version, serving=False)
    if not hasattr(learner, "weights"):
        return None
    rows = learner.weights().slice(0, MOST).to_pylist()
    largest = max((abs(row["weight"]) for row in rows), default=1)
    return [Weight(**row, share=round(100 * abs(row["weight"]) / largest, 1)) for row in rows]
