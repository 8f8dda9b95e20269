"""The demo: ML-100k, half of it as history, the rest played live at 360 times its pace.

Three recommenders get the same samples: a sparse linear model with full and incremental updates,
trees with a regression on their leaves, which are renewed daily while it learns online, and vectors
of users and films, with a page whose visitors' vectors are refreshed in the browser.
"""

import contextlib
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from updates.flows.create_policy import create_policy
from updates.flows.replay import play
from updates.flows.trigger import WriterBusy, trigger
from updates.management.commands.simulate import start_replay
from updates.models import Recommender, UpdatePolicy
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
    "ml-100k-trees": {
        "name": f"MovieLens 100K, {SPEED} × as fast: trees, and a regression on their leaves",
        "tags": ["movies", "trees"],
        "learner": "gbdt_lr",
        "learner_options": {"num_threads": 1},
        "freshness_objective_seconds": HOUR_SECONDS,
        # Their newest 1,000 samples, some two days, judge them and are learned by the regression.
        "component_objectives": {"trees": 4 * DAY_SECONDS},
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
DAILY = {
    "trigger": "interval",
    "interval_seconds": DAY_SECONDS,
    "window_seconds": 90 * DAY_SECONDS,
}
POLICIES: dict[str, list[dict[str, Any]]] = {
    "ml-100k": [
        {
            "name": "hourly-incremental",
            "strategy": "incremental",
            "trigger": "interval",
            "interval_seconds": HOUR_SECONDS,
        },
        {"name": "daily-full", "strategy": "full", **DAILY},
    ],
    "ml-100k-trees": [
        {"name": "online-regression", "strategy": "online", "version_every_minutes": 1.0},
        {"name": "daily-trees", "strategy": "local", "components": ["trees"], **DAILY},
    ],
    "ml-100k-vectors": [
        {
            "name": "hourly-incremental",
            "strategy": "incremental",
            "trigger": "interval",
            "interval_seconds": HOUR_SECONDS,
        },
        {
            "name": "on-devices",
            "strategy": "client",
            "refresh_seconds": 5,
            "privacy_note": "What you rate here becomes samples of this demo, under the name that "
            "you have logged in with. It is deleted with the recommender.",
        },
    ],
}


class Command(BaseCommand):
    help = f"Set the demo up (recommenders {', '.join(RECOMMENDERS)}) and play it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--setup-only", action="store_true", help="create, play nothing")

    def handle(self, *args: Any, setup_only: bool, **options: Any) -> None:
        recommenders = [set_up(slug) for slug in RECOMMENDERS]
        if setup_only:
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        replays = [start_replay(slug, "ml-100k", SPEED) for slug in RECOMMENDERS]
        for recommender, replay in zip(recommenders, replays, strict=True):
            replay.load_history(HISTORY)
            if recommender.live_version is None:
                _first_update(recommender)
        play(*replays)


@transaction.atomic
def set_up(slug: str) -> Recommender:
    """The recommender with its policies, created together, else left as it is."""
    recommender, created = Recommender.objects.get_or_create(
        slug=slug,
        # Half an hour of hourly updates is kept, to go back to and to judge full updates against.
        defaults=RECOMMENDERS[slug]
        | {"schema": ML_100K.to_json(), "keep_versions": 200, "slices": SLICES},
    )
    if created:
        for about in POLICIES[slug]:
            create_policy(UpdatePolicy(recommender=recommender, **about))
    return recommender


def _first_update(recommender: Recommender) -> None:
    # Started again in the middle of the first update: it is under way.
    with contextlib.suppress(WriterBusy):
        trigger(recommender, strategy="full", reason="the demo's first version")
