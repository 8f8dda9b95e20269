"""Alarms on drift, from the last hour against the live version's training range."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from monitoring import metrics
from monitoring.drift.adwin import Adwin
from monitoring.drift.alarm import AlarmState, Budget, Rule
from monitoring.drift.compare import FeatureDrift
from monitoring.drift.sentences import sentence
from monitoring.drift_report import LOG_LOSS, report
from monitoring.models import DriftAlarm
from monitoring.scorecard import episodes
from monitoring.series import record
from updates.models import Recommender

EVERY = timedelta(minutes=1)
ALARMS_A_MONTH = float(os.environ.get("DRIFT_FALSE_ALARMS_A_MONTH", "1"))


def rule_of(fleet: Sequence[Recommender]) -> Rule:
    """The rule for each feature of a fleet: its false alarms are counted all together."""
    tests = sum(len(recommender.sample_schema.arrow.names) for recommender in fleet)
    return Rule(Budget(ALARMS_A_MONTH, tests, EVERY))


def look(recommender: Recommender, rule: Rule, now: datetime) -> None:
    """Take every alarm of a recommender a step further; what has no rows stays as it is. Record how
    much of what arrives the live version can know."""
    found = report(recommender, now)
    record(recommender, {metrics.COVERAGE: found.coverage}, now)
    for drift in found.all:
        _step(recommender, drift, rule, now)


def loss_moved(recommender: Recommender, adwin: Adwin, move: int, now: datetime) -> None:
    """Take the alarm on log loss along: on where it has risen (1), off where it has fallen (−1)."""
    alarms = DriftAlarm.objects.filter(recommender=recommender, feature=LOG_LOSS)
    with transaction.atomic():
        if move < 0:
            alarms.delete()
            episodes.end(recommender, LOG_LOSS, now)
        elif move > 0 and not alarms.exists():
            DriftAlarm.objects.create(recommender=recommender, feature=LOG_LOSS, firing_since=now)
            measured = (
                f"The log loss on arriving samples has risen, to {adwin.mean:.4f} over the last "
                f"{adwin.width:,} of them (ADWIN)."
            )
            episodes.begin(recommender, LOG_LOSS, measured, now)


def _step(recommender: Recommender, drift: FeatureDrift, rule: Rule, now: datetime) -> None:
    alarm = DriftAlarm.objects.filter(recommender=recommender, feature=drift.feature).first()
    before = AlarmState(alarm.turning_since, alarm.firing_since) if alarm else AlarmState()
    after = before.step(drift, rule, now)
    if after == before:
        return
    with transaction.atomic():
        DriftAlarm.objects.update_or_create(
            recommender=recommender,
            feature=drift.feature,
            defaults={
                "turning_since": after.turning_since,
                "firing_since": after.firing_since,
            },
        )
        if after.firing_since and not before.firing_since:
            measured = f"{drift.feature}: {sentence(drift)}"
            episodes.begin(recommender, drift.feature, measured, now)
        elif before.firing_since and not after.firing_since:
            episodes.end(recommender, drift.feature, now)
