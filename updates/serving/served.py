"""One version as a process serves it."""

from dataclasses import dataclass
from datetime import datetime

from updates.learners.base import Learner


@dataclass(frozen=True)
class Served:
    """A model with what is said of it on every answer; replaced as a whole, never changed."""

    recommender_id: int
    version_id: int
    number: int
    deployment_id: int
    next_offset: int
    watermark: datetime | None
    learner: Learner


@dataclass(frozen=True)
class Scored:
    """Scores, and which version gave them.

    offset : last offset the version has learned; age_seconds : now − its watermark.
    """

    scores: list[float]
    version: int
    offset: int
    age_seconds: float | None
