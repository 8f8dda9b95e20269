"""The recommenders of a fleet as its page needs them: a thousand cost what fifty models would."""

from __future__ import annotations

from typing import Any, NamedTuple

from monitoring.freshness import LiveFacts
from updates.learners.monitored import Monitored
from updates.models import Recommender
from updates.models.log_owner import stream_key

COLUMNS = (
    "pk",
    "slug",
    "name",
    "learner",
    "tags",
    "freshness_objective_seconds",
    "grace_seconds",
    "challenges",
    "challenges__slug",
    "schema__version",
    "live_version",
    "live_version__watermark",
    "live_version__next_offset",
)


class Member(NamedTuple):
    """What a recommender is called and judged by; its attributes are named as the model's."""

    pk: int
    slug: str
    name: str
    learner: str
    tags: list[str]
    freshness_objective_seconds: int
    grace_seconds: int
    challenges_id: int | None
    champion: str | None
    names_version: str | None
    live_version: LiveFacts | None

    @property
    def updated_here(self) -> bool:
        """Whether it has policies and runs. To ask the learner's class would load its library."""
        return self.learner != Monitored.name

    @property
    def follows_predictions(self) -> bool:
        """Whether what is live is what the predictions of its own servers name."""
        return self.names_version is not None and not self.updated_here

    @property
    def stream_key(self) -> str:
        """Prefix of its Valkey keys."""
        return stream_key(self.pk)

    @property
    def log_owner_id(self) -> int:
        """Whose samples it learns."""
        return self.challenges_id or self.pk

    @property
    def log_key(self) -> str:
        """Prefix of the Valkey keys of these samples."""
        return stream_key(self.log_owner_id)


def members() -> list[Member]:
    """Everyone, by slug."""
    rows = Recommender.objects.order_by("slug").values_list(*COLUMNS)
    return [_member(*row) for row in rows]


def _member(*row: Any) -> Member:
    *about, live, watermark, next_offset = row
    return Member(*about, None if live is None else LiveFacts(watermark, next_offset))
