"""Settle drift alarms by what the loss of what was live did around them.

An alarm is true where the mean log loss on samples not learned yet rose at some minute between
BEFORE the alarm and HORIZON after it, by more than noise: ``drift.loss_change.find_rise`` says
exactly how certain that must be. It is false where the whole horizon has passed without. It stays
unsettled where too few samples were judged, or where a version was deployed because of it, or by
hand, before the loss could tell: the remedy hides the harm. Policies' routine cuts nothing off:
what the next update mends anyway is no reason for an alarm.

Beside the alarms stands one that is always on: every HORIZON an episode begins for no reason, and
is settled alike. Its precision is the share of times at which an alarm would be right by chance.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from django.db.models import DateTimeField, ExpressionWrapper, OuterRef, Subquery

from monitoring.drift.loss_change import BEFORE, HORIZON, LossRise, LossStretch, find_rise
from monitoring.models import DriftEpisode, LossCell
from monitoring.quality import losses
from monitoring.scorecard.episodes import ALWAYS
from monitoring.scorecard.models import Verdict
from updates.cadence import Trigger
from updates.models import Deployment

KEPT = timedelta(days=90)
# Until the minute in which the horizon ended has been judged.
SLACK = timedelta(minutes=2)
_ROUTINE = [t for t in Trigger if t not in (Trigger.DRIFT, Trigger.MANUAL)]
# When the next version that no routine came to was deployed within the horizon.
_DEPLOYED = Subquery(
    Deployment.objects.filter(
        recommender=OuterRef("recommender"),
        started_at__gt=OuterRef("began"),
        started_at__lt=ExpressionWrapper(OuterRef("began") + HORIZON, DateTimeField()),
    )
    .exclude(run__policy__trigger__in=_ROUTINE)
    .order_by("started_at")
    .values("started_at")[:1]
)


def settle(now: datetime) -> None:
    """Settle the alarms that can be; called again it changes nothing."""
    _begin_always(now)
    pending = DriftEpisode.objects.filter(settled_at=None, began__lt=now - SLACK)
    for episode in pending.annotate(deployed=_DEPLOYED).select_related("recommender"):
        until = episode.deployed or episode.began + HORIZON
        if episode.deployed or now >= until + SLACK:
            _settle(episode, until, cut_off=episode.deployed is not None, now=now)
    DriftEpisode.objects.filter(began__lt=now - KEPT).delete()
    losses.prune(now)


def _begin_always(now: datetime) -> None:
    """One for each recommender of which anything was judged in the HORIZON before."""
    seconds = HORIZON.total_seconds()
    began = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    DriftEpisode.objects.bulk_create(
        [
            DriftEpisode(
                recommender_id=pk,
                feature=ALWAYS,
                began=began,
                ended=began,
                measured="Nothing: it always goes off.",
            )
            for pk in losses.judged_between(began - HORIZON, began)
        ],
        ignore_conflicts=True,
    )


def _settle(episode: DriftEpisode, until: datetime, *, cut_off: bool, now: datetime) -> None:
    stretch = _stretch(losses.between(episode.recommender, episode.began - BEFORE, until))
    rise = find_rise(stretch)
    known = stretch.tells and not cut_off
    verdict = Verdict.TRUE if rise else Verdict.FALSE if known else Verdict.UNSETTLED
    DriftEpisode.objects.filter(pk=episode.pk, settled_at=None).update(
        verdict=verdict, delay_seconds=_delay(episode, rise), settled_at=now
    )


def _stretch(cells: list[LossCell]) -> LossStretch:
    rows = [(cell.at.timestamp(), cell.samples, cell.loss, cell.squares) for cell in cells]
    return LossStretch(*np.array(rows, float).reshape(-1, 4).T)


def _delay(episode: DriftEpisode, rise: LossRise | None) -> float | None:
    return episode.began.timestamp() - rise.at if rise else None
