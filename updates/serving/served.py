"""One version as a process serves it."""

from dataclasses import dataclass, field

from updates.serving.weights import Weights


@dataclass(frozen=True)
class Served:
    """A model with what is said of it on every answer; replaced as a whole.

    Its weights alone go on, with what they have learned: see ``Weights``.

    deployment_id : the deployment that it answers for; None of a version on trial, which answers
    for its canary. epoch : the line of online learning that the weights belong to and follow; 0 of
    none.
    stream_key : prefix of the recommender's keys.
    """

    recommender_id: int
    stream_key: str
    version_id: int
    number: int
    deployment_id: int | None
    epoch: int
    weights: Weights
    canary_id: int | None = None

    @property
    def follows(self) -> bool:
        """Whether its weights go on with what online learning sends."""
        return bool(self.epoch) and self.weights.learner.supports_delta


@dataclass(frozen=True)
class Scored:
    """Scores, and what gave them.

    version : the version that was live, or that online learning has gone on from; the one on trial
    where it answered. offset : last
    offset that the weights have learned; age_seconds : now − newest event time that they have.
    component_ages : the same by component, where there are several. stale : beyond objective and
    grace, while samples wait. fallback : slug of the recommender that answered in its place.
    """

    scores: list[float]
    version: int
    offset: int
    age_seconds: float | None
    component_ages: dict[str, float | None]
    stale: bool
    fallback: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class RecommendedItems(Scored):
    """Items, the best first, each with its score as log-odds.

    source : whose vector of the user gave them: training's (server), or one that devices have
    refreshed (client).
    """

    items: list[str]
    source: str
