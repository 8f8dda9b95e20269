"""How good the alarms were: precision, recall where it can be known, delay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    found = DriftEpisode.objects.filter(began__gte=now - SPAN).order_by("-began", "-pk")
    if recommender is not None:
        found = found.filter(recommender=recommender)
    by_detector: dict[str, list[DriftEpisode]] = {name: [] for name in DETECTORS}
    for episode in found:
        by_detector[_detector(episode)].append(episode)
    rises = [each for each in by_detector[LOSS] if each.began <= now - HORIZON]
    foretold = [rise for rise in rises if _foretold(rise, by_detector[DRIFT])]
    scores = [_score(name, episodes) for name, episodes in by_detector.items()]
    newest = [each for each in found if _detector(each) != DUMMY]
    return Scorecard(now - SPAN, scores, newest[:MOST_SHOWN], len(rises), len(foretold))


def _detector(episode: DriftEpisode) -> str:
    return {LOG_LOSS: LOSS, ALWAYS: DUMMY}.get(episode.feature, DRIFT)


def _score(detector: str, episodes: list[DriftEpisode]) -> Score:
    counts = {v: sum(each.verdict == v for each in episodes) for v in Verdict}
    delays = [each.delay_seconds for each in episodes if each.delay_seconds is not None]
    mean = sum(delays) / len(delays) if delays else None
    return Score(
        detector, counts[Verdict.TRUE], counts[Verdict.FALSE], counts[Verdict.UNSETTLED], mean
    )


def _foretold(rise: DriftEpisode, alarms: Iterable[DriftEpisode]) -> bool:
    return any(
        alarm.recommender_id == rise.recommender_id
        and alarm.began <= rise.began + HORIZON
        and (alarm.ended is None or alarm.ended >= rise.began - HORIZON)
        for alarm in alarms
    )
