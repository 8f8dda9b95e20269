"""How good the alarms were: precision, recall where it can be known, delay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import (
    Avg,
    Case,
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from monitoring.drift.loss_change import HORIZON
from monitoring.drift_report import LOG_LOSS
from monitoring.models import DriftEpisode
from monitoring.scorecard.episodes import ALWAYS
from monitoring.scorecard.models import Verdict
from updates.models import Recommender

SPAN = timedelta(days=30)
# By which detectors alarms are counted: of drift in features, label and predictions; of a risen
# log loss, by ADWIN; and of one that always goes off.
DRIFT, LOSS, DUMMY = "drift", "log loss", "always"
DETECTORS = [DRIFT, LOSS, DUMMY]
MOST_SHOWN = 10


@dataclass(frozen=True)
class Score:
    """Alarms of one detector.

    mean_delay_seconds : of the true ones, from the rise of the loss to the alarm.
    """

    detector: str
    true: int
    false: int
    unsettled: int
    mean_delay_seconds: float | None

    @property
    def alarms(self) -> int:
        """How many began."""
        return self.true + self.false + self.unsettled

    @property
    def precision(self) -> float | None:
        """Share of the settled ones that were true; None where none is settled."""
        settled = self.true + self.false
        return self.true / settled if settled else None


@dataclass(frozen=True)
class Scorecard:
    """All detectors on the same time.

    loss_rises : rises of the log loss that ADWIN saw, HORIZON or longer ago. foretold : those with
    an alarm of drift that was on within HORIZON before or after. newest : the last alarms, the one
    that always goes off left out.
    """

    since: datetime
    scores: list[Score]
    newest: list[DriftEpisode]
    loss_rises: int
    foretold: int

    @property
    def recall(self) -> float | None:
        """Share of the rises with an alarm of drift; None without rises."""
        return self.foretold / self.loss_rises if self.loss_rises else None


def scorecard(now: datetime, recommender: Recommender | None = None) -> Scorecard:
    """Of the last 30 days; of the whole fleet where no recommender is named."""
    found = DriftEpisode.objects.filter(began__gte=now - SPAN)
    if recommender is not None:
        found = found.filter(recommender=recommender)
    rises = found.filter(feature=LOG_LOSS, began__lte=now - HORIZON)
    newest = found.exclude(feature=ALWAYS).order_by("-began", "-pk")
    return Scorecard(
        now - SPAN,
        _scores(found),
        list(newest[:MOST_SHOWN]),
        rises.count(),
        rises.filter(_foretold()).count(),
    )


def _scores(found: QuerySet[DriftEpisode]) -> list[Score]:
    detector = Case(
        When(feature=LOG_LOSS, then=Value(LOSS)),
        When(feature=ALWAYS, then=Value(DUMMY)),
        default=Value(DRIFT),
    )
    counted = found.values(detector=detector).annotate(
        **{str(v): Count("pk", filter=Q(verdict=v)) for v in Verdict},
        mean_delay_seconds=Avg("delay_seconds"),
    )
    by_detector = {row["detector"]: Score(**row) for row in counted}
    return [by_detector.get(name, Score(name, 0, 0, 0, None)) for name in DETECTORS]


def _foretold() -> Exists:
    """Whether an alarm of drift was on around the episode."""
    around = DriftEpisode.objects.filter(
        Q(ended=None) | Q(ended__gte=_moved(-HORIZON)),
        recommender=OuterRef("recommender"),
        began__lte=_moved(HORIZON),
    )
    return Exists(around.exclude(feature__in=[LOG_LOSS, ALWAYS]))


def _moved(by: timedelta) -> ExpressionWrapper:
    return ExpressionWrapper(OuterRef("began") + by, DateTimeField())
