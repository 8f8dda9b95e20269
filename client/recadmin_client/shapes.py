"""What the server answers, as dataclasses. The OpenAPI description says more of each member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class FreshnessSummary:
    """How fresh the live version is; ``state``: fresh, aging, stale, idle or unknown."""

    state: str
    cause: str
    age_seconds: float | None
    lag_seconds: float | None
    backlog_samples: int | None
    objective_seconds: int
    grace_seconds: int


@dataclass(frozen=True)
class ComponentFreshness(FreshnessSummary):
    """Freshness of one component, by its own objective."""

    name: str
    fed_by: list[str]


@dataclass(frozen=True)
class PredictedBy:
    """A version that the latest logged predictions name; ``version`` is None where none of that
    name was reported. share : of those predictions."""

    name: str
    share: float
    version: int | None


@dataclass(frozen=True)
class Freshness(FreshnessSummary):
    """Freshness at one instant, with the facts that it is computed from."""

    at: datetime
    live_version: int | None
    watermark: datetime | None
    served_offset: int | None
    last_offset: int | None
    newest_event_time: datetime | None
    newest_arrived_at: datetime | None
    components: list[ComponentFreshness]
    predicted_by: list[PredictedBy]


@dataclass(frozen=True)
class RecommenderSummary:
    """A recommender as lists show it."""

    slug: str
    name: str
    learner: str
    live_version: int | None
    freshness: FreshnessSummary


@dataclass(frozen=True)
class Progress:
    """How far the phase under way is; ``total`` is None where it is not known."""

    phase: str
    done: int
    total: int | None
    per_second: float | None


@dataclass(frozen=True)
class Cost:
    """What a run has used so far."""

    cpu_seconds: float
    wall_seconds: float
    peak_memory_bytes: int
    samples: int


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model; ``state``: candidate, live, retired, rejected or quarantined."""

    number: int
    name: str
    state: str
    watermark: datetime | None
    next_offset: int


@dataclass(frozen=True)
class UpdateRun:
    """One execution of an update.

    state : queued, running, evaluating, promoted, rejected, failed or cancelled. metrics : how the
    candidate was judged, with the verdict in a sentence; None before.
    """

    id: int
    recommender: str
    policy: str | None
    strategy: str
    components: list[str]
    state: str
    reason: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    progress: Progress
    cost: Cost
    metrics: dict[str, Any] | None
    error: str
    base_version: int | None
    result_version: int | None

    @property
    def over(self) -> bool:
        """Whether it has ended, however it did."""
        return self.state in ENDS

    @property
    def outcome(self) -> str:
        """What became of it, in a sentence; "" where there is nothing to say."""
        return self.error or (self.metrics or {}).get("verdict", "")


ENDS = frozenset({"promoted", "rejected", "failed", "cancelled"})


@dataclass(frozen=True)
class Deployment:
    """That a version went live: when, by whom and why."""

    id: int
    version: int
    previous: int | None
    kind: str
    reason: str
    moved_by: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class RefusedRow:
    """A refused row by its 0-based number; ``field`` is "" where the whole row is at fault."""

    row: int
    field: str
    error: str


@dataclass(frozen=True)
class Appended:
    """Where samples lie in the log; no offsets where none was good.

    duplicate : the Batch-Id was known, and nothing was added.
    """

    first_offset: int | None
    last_offset: int | None
    accepted: int
    rejected: list[RefusedRow]
    duplicate: bool


@dataclass(frozen=True)
class Taken:
    """What became of impressions; ``repeated`` ones were known already."""

    accepted: int
    repeated: int
    rejected: list[RefusedRow]
    duplicate: bool


@dataclass(frozen=True)
class Received:
    """What became of feedback."""

    accepted: int
    rejected: list[RefusedRow]
    duplicate: bool


@dataclass(frozen=True)
class Answered:
    """Which version answered, and how old it is.

    stale : older than objective and grace allow. fallback : the recommender that answered in its
    place, if one did.
    """

    version: int
    offset: int
    age_seconds: float | None
    stale: bool
    fallback: str | None


@dataclass(frozen=True)
class Scored(Answered):
    """Probabilities of label 1, in the order of the rows."""

    scores: list[float]


@dataclass(frozen=True)
class Recommended(Answered):
    """Items, the best first, with their log-odds; ``source``: whose vector of the user, client or
    server."""

    items: list[str]
    scores: list[float]
    source: str


@dataclass(frozen=True)
class Series:
    """A measurement over time; points: [milliseconds since 1970 in UTC, value], oldest first."""

    name: str
    unit: str
    definition: str
    resolution_seconds: int
    points: list[list[float]]
    provisional_from: datetime | None


@dataclass(frozen=True)
class Heard:
    """What a report of progress is answered: how long the next may take, and whether to stop."""

    lease_seconds: float
    cancelled: bool


@dataclass(frozen=True)
class Span:
    """Offsets from the first on, before the next."""

    first_offset: int
    next_offset: int


@dataclass(frozen=True)
class ParquetFile:
    """Samples on disk or in object storage, first to last offset, both included."""

    first_offset: int
    last_offset: int
    path: str


@dataclass(frozen=True)
class RunTask:
    """What a trainer of one's own is to do.

    attempt : fences; every report names it. first_offset, next_offset : what there is to learn, the
    end excluded. holdout : samples to predict with the new model, and not to learn. lease_seconds :
    a trainer that is silent for longer has failed. parquet : where the samples lie in files.
    """

    id: int
    recommender: str
    attempt: int
    strategy: str
    components: list[str]
    base_version: int | None
    first_offset: int
    next_offset: int
    holdout: Span | None
    window_seconds: int | None
    lease_seconds: float
    parquet: list[ParquetFile]
