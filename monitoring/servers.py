"""What servers that are not ours serve: how old that is, and which of them lag.

A target is a process that is not ours: it does not report every second, but says of each event that
it has swapped, or could not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from monitoring.freshness import LiveFacts
from updates.models import ModelVersion, Recommender, ServingTarget
from updates.models.recommender import among
from updates.models.serving_target import TargetState
from updates.words import duration, sentence

# These are faults; a swap under way is none.
FAULTS = (TargetState.LAGGING, TargetState.FAILED)
NOTHING = LiveFacts(None, 1, {}, known=False)


@dataclass(frozen=True)
class Server:
    """One target now.

    age_seconds : of what it serves, None where that is not known. says : what it serves, since when
    it has lagged and why, in sentences.
    """

    target: ServingTarget
    state: TargetState
    age_seconds: float | None
    says: str

    @property
    def at_fault(self) -> bool:
        """Whether it serves something else than it should, for longer than a swap may take."""
        return self.state in FAULTS


def servers(recommender: Recommender, now: datetime) -> list[Server]:
    """All of a recommender, by name: one query."""
    found = _with_versions().filter(recommender=recommender).order_by("name")
    return [_server(target, now) for target in found]


def acknowledged(pks: Collection[int], now: datetime) -> dict[int, LiveFacts]:
    """Up to where what is served has learned, by pk of the recommenders that have targets: of the
    version least far among those that they have swapped to. One query.

    A target that has said nothing yet serves nothing that is known; where none has said anything,
    nothing is known of what is served. One that was named so lately that it may still be swapping
    for the first time is not waited for.
    """
    enabled = ServingTarget.objects.filter(among(pks), enabled=True).select_related(
        "swapped__version"
    )
    served: dict[int, list[LiveFacts]] = defaultdict(list)
    for target in enabled:
        if target.swapped:
            served[target.recommender_id].append(facts_of(target.swapped.version))
        elif not target.is_new(now):
            served.setdefault(target.recommender_id, [])
    return {
        pk: min(found, key=lambda facts: facts.next_offset, default=NOTHING)
        for pk, found in served.items()
    }


def enabled_servers(pks: Collection[int], now: datetime) -> list[Server]:
    """Those of these recommenders that are on, by name: one query."""
    found = _with_versions().filter(among(pks), enabled=True).order_by("name")
    return [_server(target, now) for target in found]


def at_fault(pks: Collection[int], now: datetime) -> dict[int, str]:
    """What is wrong with targets that are at fault, by recommender pk: one query."""
    faults: dict[int, list[str]] = defaultdict(list)
    for server in enabled_servers(pks, now):
        if server.at_fault:
            faults[server.target.recommender_id].append(server.says)
    return {pk: " ".join(said) for pk, said in faults.items()}


def _with_versions() -> QuerySet[ServingTarget]:
    return ServingTarget.objects.with_lag().select_related("swapped__version", "failed__version")


def _server(target: ServingTarget, now: datetime) -> Server:
    watermark = target.swapped.version.watermark if target.swapped else None
    age = None if watermark is None else max(0.0, (now - watermark).total_seconds())
    return Server(target, target.state(now), age, _says(target, now))


def _says(target: ServingTarget, now: datetime) -> str:
    """What it serves and for how long it has lagged, in sentences."""
    serves = "has not said what it serves"
    if target.swapped:
        serves = f"serves version {target.swapped.version.number}"
    lag = ""
    if target.behind:
        behind = f", {target.behind} behind" if target.swapped else ""
        lag = f"{behind}, for {duration((now - target.behind_since).total_seconds())}"
    said = [f"Server {target.name} {serves}{lag}."]
    if target.failed:
        error = f": {target.error}" if target.error else ""
        said.append(sentence(f"It could not swap to version {target.failed.version.number}{error}"))
    if target.problem and target.behind:
        said.append(f"Its address has not taken the event. {target.problem}")
    return " ".join(said)


def facts_of(version: ModelVersion) -> LiveFacts:
    """What a version has learned, and each of its components."""
    parts = {
        name: LiveFacts(part.watermark, part.next_offset)
        for name, part in version.parts(version.components).items()
    }
    return LiveFacts(version.watermark, version.next_offset, parts)
