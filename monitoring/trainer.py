"""Who trains a recommender, for its page and those of its runs."""

from __future__ import annotations

from dataclasses import dataclass

from updates.learners.external import Runner
from updates.models import Recommender


@dataclass(frozen=True)
class Trainer:
    """How runs reach the trainer of an external recommender."""

    runner: str
    url: str
    command: list[str]
    lease_seconds: int

    @property
    def pulls(self) -> bool:
        return self.runner == Runner.PULL


def trainer_of(recommender: Recommender) -> Trainer | None:
    """None where recadmin itself trains it, or nobody for it."""
    if recommender.trained_here or not recommender.updated_here:
        return None
    options = recommender.new_learner().settings
    return Trainer(options["runner"], options["url"], options["command"], options["lease_seconds"])
