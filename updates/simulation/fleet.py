"""Eight recommenders of the feed: the same samples, and as far as possible only other policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR, DAY, WEEK = 1.0, 24.0, 168.0
# A full update learns this much, however often it runs.
WINDOW_HOURS = WEEK
# Impressions wait so long for their clicks before they are samples, in the demo and here.
JOIN_MINUTES = 36
# Of so many users one has a device that refreshes its vector.
DEVICE_EVERY = 10


@dataclass(frozen=True)
class Plan:
    """An update policy in simulated time.

    every_hours : None for those that never rest. window_hours : what it learns when it begins anew.
    """

    name: str
    strategy: str
    every_hours: float | None = None
    components: tuple[str, ...] = ()
    window_hours: float | None = None


@dataclass(frozen=True)
class Entry:
    """One of the eight. objective_hours : at what age it counts as fresh."""

    slug: str
    title: str
    learner: str
    options: Mapping[str, Any]
    plans: tuple[Plan, ...]
    objective_hours: float
    component_hours: Mapping[str, float] = field(default_factory=dict)


LINEAR: Mapping[str, Any] = {"alpha": 0.3}
FLEET = (
    Entry("feed-never", "never", "sparse_linear", LINEAR, (), WEEK),
    Entry(
        "feed-weekly",
        "weekly full",
        "sparse_linear",
        LINEAR,
        (Plan("weekly-full", "full", WEEK, window_hours=WINDOW_HOURS),),
        WEEK + DAY,
    ),
    Entry(
        "feed-daily",
        "daily full",
        "sparse_linear",
        LINEAR,
        (Plan("daily-full", "full", DAY, window_hours=WINDOW_HOURS),),
        DAY + 3 * HOUR,
    ),
    Entry(
        "feed-hourly",
        "hourly incremental",
        "sparse_linear",
        LINEAR,
        (Plan("hourly-incremental", "incremental", HOUR),),
        3 * HOUR,
    ),
    Entry(
        "feed-online",
        "online",
        "sparse_linear",
        LINEAR,
        (Plan("online", "online"),),
        2 * HOUR,
    ),
    Entry(
        "feed-trees",
        "daily trees, online regression",
        "gbdt_lr",
        {"alpha": 0.3, "num_trees": 20, "num_threads": 1},
        (
            Plan("online-regression", "online"),
            Plan("daily-trees", "local", DAY, ("trees",), WINDOW_HOURS),
        ),
        2 * HOUR,
        {"trees": DAY + 3 * HOUR},
    ),
    Entry(
        "feed-deep",
        "daily embeddings, network every 3 hours",
        "wide_deep",
        {"alpha": 0.3, "hidden": "32,16", "upper_rate": 0.003},
        (
            Plan("embeddings", "local", DAY, ("embeddings",)),
            Plan("upper", "local", 3 * HOUR, ("wide", "upper")),
        ),
        5 * HOUR,
        {"embeddings": DAY + 3 * HOUR},
    ),
    Entry(
        "feed-devices",
        "hourly vectors, users on their devices",
        "factors",
        {},
        (Plan("hourly-incremental", "incremental", HOUR), Plan("on-devices", "client")),
        3 * HOUR,
    ),
)
SLUGS = tuple(entry.slug for entry in FLEET)
