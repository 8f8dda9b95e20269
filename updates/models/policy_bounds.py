"""Lowest and highest values of a policy's numbers."""

from updates.models.bounds import Bounds
from updates.models.recommender import DAY_SECONDS, YEAR_SECONDS

LONGEST_INTERVAL_SECONDS = YEAR_SECONDS
LONGEST_WINDOW_SECONDS = 50 * YEAR_SECONDS  # a century would not fit PostgreSQL's integer
MOST_SAMPLES = 10**12
LONGEST_OFFLINE_SECONDS = 30 * DAY_SECONDS
LONGEST_CANARY_SECONDS = 30 * DAY_SECONDS
BOUNDS = {
    "interval_seconds": Bounds(1, LONGEST_INTERVAL_SECONDS, "seconds (a year)"),
    "every_samples": Bounds(1, MOST_SAMPLES, "samples"),
    "rest_seconds": Bounds(60, YEAR_SECONDS, "seconds (a year)"),
    "max_ne_degradation": Bounds(0.001, 10, "as a share"),
    "window_seconds": Bounds(1, LONGEST_WINDOW_SECONDS, "seconds (50 years)"),
    "sync_interval_ms": Bounds(10, 60_000, "milliseconds (a minute)"),
    "checkpoint_seconds": Bounds(1, 3_600, "seconds (an hour)"),
    "version_every_minutes": Bounds(0.05, 1_440, "minutes (a day)"),
    "refresh_seconds": Bounds(1, 3_600, "seconds (an hour)"),
    "offline_seconds": Bounds(60, LONGEST_OFFLINE_SECONDS, "seconds (30 days)"),
    "canary_seconds": Bounds(10, LONGEST_CANARY_SECONDS, "seconds (30 days)"),
    "canary_share": Bounds(0, 0.5, "as a share"),
}
