"""ML-100k, half of it as history, the rest played live at 360 times its pace.

Two recommenders get the same samples: a sparse linear model with full and incremental updates, and
vectors of users and films, with a page whose visitors' vectors are refreshed in the browser.
"""

from typing import Any

from recadmin.demo.set_up import first_update, set_up
from updates.flows.replay import Replay
from updates.management.commands.simulate import start_replay
from updates.models import Recommender
from updates.samples.sources.ml_100k import ML_100K

# A recorded day passes in four minutes, an hour in ten seconds.
SPEED = 360
DAY_SECONDS = 86_400 // SPEED
HOUR_SECONDS = 3_600 // SPEED
# What follows is a busy evening, and seven hours of play in all.
HISTORY = 0.56
RECOMMENDERS: dict[str, dict[str, Any]] = {
    "ml-100k": {
        "name": f"MovieLens 100K, {SPEED} × as fast",
        "tags": ["movies"],
        "learner": "sparse_linear",
        "learner_options": {"alpha": 0.3},
        "freshness_objective_seconds": 2 * HOUR_SECONDS,
        "grace_seconds": HOUR_SECONDS,
    },
    "ml-100k-vectors": {
        "name": f"MovieLens 100K, {SPEED} × as fast: vectors, refreshed on devices",
        "tags": ["movies", "devices"],
        "learner": "factors",
        "freshness_objective_seconds": 2 * HOUR_SECONDS,
        "grace_seconds": HOUR_SECONDS,
    },
}
# Quality is measured on these apart; a value is new for seven recorded days.
SLICES = [
    {"name": "new-users", "new": "user", "days": 7 / SPEED},
    {"name": "new-items", "new": "item", "days": 7 / SPEED},
    {"name": "comedies", "feature": "genres", "in": ["Comedy"]},
    {"name": "recent-films", "feature": "film_age", "to": 2},
]
HOURLY = {
    "name": "hourly-incremental",
    "strategy": "incremental",
    "trigger": "interval",
    "interval_seconds": HOUR_SECONDS,
}
POLICIES: dict[str, list[dict[str, Any]]] = {
    "ml-100k": [
        HOURLY,
        {
            "name": "daily-full",
            "strategy": "full",
            "trigger": "interval",
            "interval_seconds": DAY_SECONDS,
            "window_seconds": 90 * DAY_SECONDS,
        },
    ],
    "ml-100k-vectors": [
        HOURLY,
        {
            "name": "on-devices",
            "strategy": "client",
            "refresh_seconds": 5,
            "privacy_note": "What you rate here becomes samples of this demo, under the name that "
            "you have logged in with. It is deleted with the recommender.",
        },
    ],
}


def set_up_films() -> list[Recommender]:
    """The recommenders, where they are not there yet."""
    # Half an hour of hourly updates is kept, to go back to and to judge full updates against.
    common = {"schema": ML_100K.to_json(), "keep_versions": 200, "slices": SLICES}
    return [set_up(slug, about | common, POLICIES[slug]) for slug, about in RECOMMENDERS.items()]


def begin_films(recommenders: list[Recommender]) -> list[Replay]:
    """Load the history and train first versions; the replays, to be played on."""
    replays = [start_replay(recommender.slug, "ml-100k", SPEED) for recommender in recommenders]
    for recommender, replay in zip(recommenders, replays, strict=True):
        replay.load_history(HISTORY)
        first_update(recommender)
    return replays
