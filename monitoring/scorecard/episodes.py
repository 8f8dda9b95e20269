"""Times that drift alarms are on: they begin, policies are told, they end."""

from __future__ import annotations

import logging
from datetime import datetime

from monitoring.models import DriftEpisode
from updates.cadence import Trigger
from updates.flows.drifted import drifted
from updates.models import Recommender

logger = logging.getLogger(__name__)

# What would an alarm be worth that goes off whatever happens? No feature's name has quotation
# marks.
ALWAYS = '"always"'


def begin(recommender: Recommender, feature: str, measured: str, now: datetime) -> None:
    """An alarm begins; measured : what raised it, in a sentence."""
    open_one = DriftEpisode.objects.filter(recommender=recommender, feature=feature, ended=None)
    if not open_one.exists():
        DriftEpisode.objects.create(
            recommender=recommender, feature=feature, began=now, measured=measured
        )


def end(recommender: Recommender, feature: str, now: datetime) -> None:
    """The alarm is over."""
    DriftEpisode.objects.filter(recommender=recommender, feature=feature, ended=None).update(
        ended=now
    )


def tell(now: datetime) -> None:
    """Have policies fire for the newest alarm that is on of each recommender; told again it
    changes nothing."""
    wanting = Recommender.objects.filter(policies__trigger=Trigger.DRIFT)
    on = DriftEpisode.objects.filter(ended=None, recommender__in=wanting)
    newest = {episode.recommender_id: episode for episode in on.order_by("began", "pk")}
    for recommender in wanting.filter(pk__in=newest).select_related("live_version").distinct():
        episode = newest[recommender.pk]
        try:
            drifted(recommender, episode.began, episode.measured, now)
        except Exception:
            # One log that cannot be read must not hold up the others' policies.
            logger.exception("policies of %s on drift", recommender.slug)
