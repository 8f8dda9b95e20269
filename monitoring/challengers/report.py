"""Champion and challenger side by side: quality on the same samples, cost, age."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from monitoring import metrics, series
from monitoring.challengers.hours import sums_of
from monitoring.challengers.sums import Sums
from monitoring.challengers.verdict import Verdict, sentence, verdict
from monitoring.resolutions import HOUR
from monitoring.served import online_positions
from updates import words
from updates.models import Recommender, UpdateRun
from updates.models.policy import Strategy
from updates.models.run import ACTIVE

# Days looked back on; None is since the challenger began.
SPANS = (1, 7, None)
DAY, AN_HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
WEEK = 7 * DAY


@dataclass(frozen=True)
class Cost:
    """What one side took in a span, and how old it was.

    runs : updates that began in it. cpu_seconds : that they took so far. median_age_seconds : of
    what was live, by the hour; None where that was not measured.
    """

    runs: int
    cpu_seconds: float
    cpu_seconds_a_day: float
    median_age_seconds: float | None


@dataclass(frozen=True)
class Span:
    """One stretch of time up to now, of whole hours as far as samples go.

    days : 1 or 7; None for all since the challenger began.
    """

    days: int | None
    start: datetime
    sums: Sums
    champion: Cost
    challenger: Cost

    @property
    def verdict(self) -> Verdict:
        """As of its samples."""
        return verdict(self.sums)

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        return sentence(self.sums)

    @property
    def ne_difference(self) -> float | None:
        """The challenger's NE less the champion's; None where NE is not defined."""
        difference = self.sums.difference
        return difference.ne_increase if difference.entropy else None

    @property
    def ne_interval(self) -> tuple[float, float] | None:
        """Of the difference, with 95 % confidence."""
        return self.sums.difference.ne_increase_interval


@dataclass(frozen=True)
class Challenge:
    """A challenger as it stands.

    cadence : of its policies, in words. obstacle : why nothing is compared at present, or "".
    """

    challenger: Recommender
    champion: Recommender
    cadence: str
    spans: list[Span]
    obstacle: str

    @property
    def whole(self) -> Span:
        """Since it began: what the verdict goes by."""
        return self.spans[-1]


def challenges(champion: Recommender, now: datetime) -> list[Challenge]:
    """Of all that challenge it, the oldest first: a constant number of queries for each."""
    found = champion.challengers.select_related("live_version").prefetch_related("policies")
    return [challenge(each, now) for each in found.order_by("created_at", "pk")]


def challenge(challenger: Recommender, now: datetime) -> Challenge:
    """One challenger against its champion."""
    champion, began = challenger.challenges, challenger.created_at
    starts = [began if days is None else max(began, now - days * DAY) for days in SPANS]
    costs = [_costs(side, starts, now) for side in (champion, challenger)]
    sums = _sums(challenger, starts)
    return Challenge(
        challenger=challenger,
        champion=champion,
        cadence=_cadence(challenger),
        spans=[Span(*each) for each in zip(SPANS, starts, sums, *costs, strict=True)],
        obstacle=_obstacle((champion, challenger)),
    )


def _sums(challenger: Recommender, starts: Sequence[datetime]) -> list[Sums]:
    hours = [(hour.at, sums_of(hour)) for hour in challenger.compared_hours.all()]
    # The hour in which a span begins counts whole. All there is counts since the challenger began.
    spans = (
        [each for at, each in hours if days is None or at > start - AN_HOUR]
        for days, start in zip(SPANS, starts, strict=True)
    )
    return [Sums.total(each) for each in spans]


def _costs(recommender: Recommender, starts: Sequence[datetime], now: datetime) -> list[Cost]:
    asked = {}
    for span, start in enumerate(starts):
        begun = Q(started_at__gte=start)
        asked[f"runs_{span}"] = Count("pk", filter=begun)
        asked[f"cpu_{span}"] = Sum("cpu_seconds", filter=begun, default=0.0)
    spent = recommender.runs.aggregate(**asked)
    ages = _ages(recommender, starts, now)
    return [
        Cost(
            runs=spent[f"runs_{span}"],
            cpu_seconds=spent[f"cpu_{span}"],
            cpu_seconds_a_day=spent[f"cpu_{span}"] * (DAY / max(now - start, SECOND)),
            median_age_seconds=ages[span],
        )
        for span, start in enumerate(starts)
    ]


def _ages(
    recommender: Recommender, starts: Sequence[datetime], now: datetime
) -> list[float | None]:
    """The median since each start, of the hours' means."""

    def read(start: datetime) -> list[tuple[int, float]]:
        hour = start.replace(minute=0, second=0, microsecond=0)
        return series.read(recommender, metrics.AGE_SECONDS, hour, now, finest_seconds=HOUR.seconds)

    began = min(starts)
    week = read(max(began, now - WEEK))
    whole = read(began) if began < now - WEEK else week
    ages = []
    for start in starts:
        points = whole if start < now - WEEK else week
        since = [age for at, age in points if at > 1000 * (start - AN_HOUR).timestamp()]
        ages.append(statistics.median(since) if since else None)
    return ages


def _cadence(recommender: Recommender) -> str:
    on = [policy for policy in recommender.policies.all() if policy.active]
    said = [f"{policy.strategy} {words.cadence(policy.cadence)}" for policy in on]
    return "; ".join(said) or "no policy is on"


def _obstacle(sides: Sequence[Recommender]) -> str:
    """Why nothing that arrives now is compared."""
    online = online_positions(sides)
    for side in sides:
        if side.live_version_id is None:
            return f"{side.slug} has no live version yet: nothing is compared before it has."
        if side.pk in online and not _learns(side):
            return (
                f"{side.slug} was learned online and no session is at work: what it would have "
                "said is not known, so that nothing is compared."
            )
    return ""


def _learns(recommender: Recommender) -> bool:
    sessions = UpdateRun.objects.filter(recommender=recommender, strategy=Strategy.ONLINE)
    return sessions.filter(state__in=ACTIVE).exists()
