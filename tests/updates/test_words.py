"""Durations and cadences in words."""

import pytest

from updates import words
from updates.cadence import Cadence, Trigger


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 05 s"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (86_400 * 5 + 3 * 3600, "5 d 03 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("cadence", "said"),
    [
        (Cadence(Trigger.INTERVAL, interval_seconds=600), "every 10 min"),
        (Cadence(Trigger.CRON, cron="0 3 * * *"), "at 03:00 (UTC)"),
        (Cadence(Trigger.SAMPLES, every_samples=5000), "every 5,000 new samples"),
        (Cadence(Trigger.STALENESS), "before the freshness objective is missed"),
        (
            Cadence(Trigger.STALENESS, max_ne_degradation=0.015),
            "before the freshness objective is missed, or once NE is 1.5 % worse than after "
            "promotion",
        ),
        (
            Cadence(Trigger.DRIFT, rest_seconds=7200),
            "when a drift alarm begins, at most once in 2 h",
        ),
        (Cadence(Trigger.MANUAL), "only when asked"),
    ],
)
def test_a_cadence_reads_as_a_phrase(cadence, said):
    assert words.cadence(cadence) == said
