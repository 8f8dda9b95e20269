"""An explanation in plain words: of names and numbers that were measured, and no causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from updates.explain.evidence import LEAST_SAMPLES
from updates.explain.learned import Learned
from updates.explain.movers import Movement
from updates.explain.neighbours import Neighbours
from updates.explain.ranking import RankingChange
from updates.explain.turnover import Turnover
from updates.explain.worth import Worth

# So few movers at most are named as what explains most of a shift.
FEW, MOST_OF_IT = 5, 0.5
FIELDS = 3


@dataclass(frozen=True)
class Numbers:
    """Of the two versions; ``lesser`` is the one that has learned less."""

    version: int
    against: int
    lesser: int


def sentences(
    numbers: Numbers,
    news: int,
    *,
    learned: Sequence[Learned],
    movement: Movement,
    turnover: tuple[Turnover, Turnover] | None,
    ranking: RankingChange | None,
    neighbours: Sequence[Neighbours],
    worth: Worth,
) -> list[str]:
    """What is beyond chance, and what was counted; of a shift, rankings and neighbours only where
    something was learned that is beyond chance."""
    said = [_learned(one, numbers, news) for one in learned] or [_nothing(news)]
    if turnover:
        said += _turnover(*turnover)
    if learned:
        said += _explained(movement)
        if ranking:
            share = percent(ranking.changed)
            said.append(f"{share} of the first {ranking.places} places go to other items.")
        said += [_near(one) for one in neighbours]
    return [*said, *_worth(worth, numbers)]


def _learned(one: Learned, numbers: Numbers, news: int) -> str:
    on = f"on {one.value.words}" if one.value.feature else "overall"
    among = f"{one.samples:,} of the last {news:,} samples"
    observed = (
        f"{times(one.observed)} what version {numbers.lesser} expects, with 95 % confidence "
        f"{times(one.low)} to {times(one.high)}"
    )
    if not one.taken_up:
        return (
            f"Clicks {on} changed and predictions have hardly followed: {times(one.predicted)} "
            f"(odds ratio; {among}). Observed was {observed}."
        )
    return (
        f"Clicks {on} are now {times(one.predicted)} as likely as by version {numbers.against} "
        f"(odds ratio; {among}). Observed was {observed}."
    )


def _nothing(news: int) -> str:
    if not news:
        return "Both versions have learned the same samples: there was nothing new in them."
    if news < LEAST_SAMPLES:
        return f"One version has learned {news:,} samples more: too few to tell news from chance."
    return f"No value's clicks changed beyond chance in the last {news:,} samples."


def _turnover(born: Turnover, died: Turnover) -> list[str]:
    said = []
    if born.count:
        said.append(f"{_counted(born)} entered the model{_by_field(born)}.")
    if died.count:
        said.append(f"{_counted(died)} left the model{_by_field(died)}.")
    return said


def _counted(turnover: Turnover) -> str:
    return f"{turnover.count:,} value{'s' if turnover.count > 1 else ''}"


def _by_field(turnover: Turnover) -> str:
    shown = list(turnover.fields.items())[:FIELDS]
    more = len(turnover.fields) - len(shown)
    parts = [f"{count:,} of {feature}" for feature, count in shown]
    if more:
        parts.append(f"{turnover.count - sum(count for _, count in shown):,} of others")
    return f" ({', '.join(parts)})"


def _explained(movement: Movement) -> list[str]:
    largest = sorted(movement.movers, key=lambda mover: -mover.share)
    for count in range(1, FEW + 1):
        share = sum(mover.share for mover in largest[:count])
        if len(largest) >= count and share >= MOST_OF_IT:
            names = listed(mover.value.words for mover in largest[:count])
            return [f"{names} {_verb(count)} {percent(share)} of the shift of predictions."]
    names_by_share = list(movement.fields.items())[:FIELDS]
    share = sum(part for _, part in names_by_share)
    names = listed(feature or "what all samples have" for feature, _ in names_by_share)
    return [f"The fields {names} explain {percent(share)} of the shift of predictions."]


def _near(one: Neighbours) -> str:
    mover = next((each for each in one.movers if each.gained and each.lost), None)
    moved = ""
    if mover:
        gained, lost = mover.gained[0], mover.lost[0]
        moved = f"{mover.value.words} is now near {gained}, no longer near {lost}; "
    chance = f" ({one.how[0].lower()}{one.how[1:-1]})"
    if one.by_chance is not None:
        chance = f"; {percent(one.by_chance)} would be if nothing had changed"
    return (
        f"{moved}{percent(one.kept)} of the {one.places} nearest neighbours of the {one.of:,} most "
        f"frequent values of {one.feature} are the same{chance}."
    )


def _verb(count: int) -> str:
    return "explains" if count == 1 else "explain"


def _worth(worth: Worth, numbers: Numbers) -> list[str]:
    if worth.ne_difference is None or worth.low is None or worth.high is None:
        return []
    on = f"On {worth.samples:,} samples since, which neither had learned,"
    than = f"than that of version {numbers.against}"
    interval = f"(95 %: {worth.low:+.4f} to {worth.high:+.4f})"
    if worth.low <= 0 <= worth.high:
        return [
            f"{on} NE differs by {worth.ne_difference:+.4f} from that of version "
            f"{numbers.against}, which may be chance {interval}."
        ]
    word = "lower" if worth.ne_difference < 0 else "higher"
    return [f"{on} NE is {abs(worth.ne_difference):.4f} {word} {than} {interval}."]


def times(ratio: float) -> str:
    """1.8 ×; two digits more where it is next to 1."""
    digits = 2 if ratio < 1.5 else 1
    return f"{ratio:.{digits}f} ×"


def percent(share: float) -> str:
    """71 %."""
    return f"{100 * share:.0f} %"


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
