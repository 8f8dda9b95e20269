"""What the simulated feed and its page tell each other, in Valkey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

import msgspec

from recadmin.valkey import connection
from updates.simulation.recovery import LEAST_JUMP
from updates.simulation.world import Flash

PLAYED, ASKED, FLASHES = "recadmin:feed:played", "recadmin:feed:asked", "recadmin:feed:flashes"
# Shown at most; what happened before has cooled down long ago.
MOST_FLASHES = 100
MOST_ASKED = 5


@dataclass(frozen=True)
class FlashEvent:
    """A flash event as it happened here.

    number : 1 for the first. at : when, in real time. flash : what happened. by : who asked for it,
    "" where nobody did.
    jumps : by recommender, the rise of its regret; hours : simulated ones to half of it, None while
    that is not reached.
    """

    number: int
    at: datetime
    flash: Flash
    by: str = ""
    jumps: Mapping[str, float] = field(default_factory=dict)
    hours: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """In words."""
        topic = f"topic {self.flash.topic}"
        hot = topic if self.flash.whole_topic else f"an item of {topic}"
        return f"{hot.capitalize()} turned hot"

    @property
    def first(self) -> tuple[str, float] | None:
        """Who was first to regain half of what it lost, and after how many simulated hours."""
        back = {slug: hours for slug, hours in self.hours.items() if hours is not None}
        return min(back.items(), key=lambda one: one[1]) if back else None

    def rose(self, slug: str) -> bool:
        """Whether the event cost that recommender anything to speak of."""
        return self.jumps.get(slug, 0.0) >= LEAST_JUMP


def ask_for_flash(by: str) -> bool:
    """Have the running feed start a flash event; false where as many were asked for already."""
    client = connection()
    if client.llen(ASKED) >= MOST_ASKED:
        return False
    client.rpush(ASKED, by)
    return True


def take_asked() -> list[str]:
    """Who has asked for one since the last call."""
    asked = connection().lpop(ASKED, MOST_ASKED)
    return [name.decode() for name in asked or []]


def flashes() -> list[FlashEvent]:
    """The newest flash events, the newest first."""
    stored = connection().hvals(FLASHES)
    events = [msgspec.json.decode(one, type=FlashEvent) for one in stored]
    return sorted(events, key=lambda event: -event.number)


def keep_flash(event: FlashEvent) -> None:
    """Store a flash event, or what has become of it."""
    client = connection()
    client.hset(FLASHES, str(event.number), msgspec.json.encode(asdict(event)))
    client.hdel(FLASHES, str(event.number - MOST_FLASHES))


def played() -> int:
    """Ticks of the feed played so far; 0 before the history is loaded."""
    return int(connection().get(PLAYED) or 0)


def keep_played(tick: int) -> None:
    """Note that all up to this tick has been sent."""
    connection().set(PLAYED, tick)
