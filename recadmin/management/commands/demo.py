"""The demo: ML-100k, half of it as history, the rest played live at 360 times its pace."""

import contextlib
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from updates.flows.create_policy import create_policy
from updates.flows.trigger import WriterBusy, trigger
from updates.management.commands.simulate import start_replay
from updates.models import Recommender, UpdatePolicy
from updates.samples.sources.ml_100k import ML_100K

SLUG = "ml-100k"
# A recorded day passes in four minutes, an hour in ten seconds.
SPEED = 360
DAY_SECONDS = 86_400 // SPEED
HOUR_SECONDS = 3_600 // SPEED
# What follows is a busy evening, and seven hours of play in all.
HISTORY = 0.56


class Command(BaseCommand):
    help = "Set the demo up (recommender ml-100k with two policies) and play it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--setup-only", action="store_true", help="create, play nothing")

    def handle(self, *args: Any, setup_only: bool, **options: Any) -> None:
        recommender = set_up()
        if setup_only:
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        replay = start_replay(SLUG, "ml-100k", SPEED)
        replay.load_history(HISTORY)
        if recommender.live_version is None:
            _first_update(recommender)
        replay.play()


@transaction.atomic
def set_up() -> Recommender:
    """The recommender with its policies, created together, else left as it is."""
    recommender, created = Recommender.objects.get_or_create(
        slug=SLUG,
        defaults={
            "name": f"MovieLens 100K, {SPEED} × as fast",
            "learner": "sparse_linear",
            "learner_options": {"alpha": 0.3},
            "schema": ML_100K.to_json(),
            "freshness_objective_seconds": 2 * HOUR_SECONDS,
            "grace_seconds": HOUR_SECONDS,
            # Half an hour of hourly updates, to go back to and to judge full updates against.
            "keep_versions": 200,
        },
    )
    if created:
        for policy in policies_of(recommender):
            create_policy(policy)
    return recommender


def policies_of(recommender: Recommender) -> list[UpdatePolicy]:
    """What keeps the demo fresh, not saved."""
    hourly = UpdatePolicy(
        recommender=recommender,
        name="hourly-incremental",
        strategy="incremental",
        trigger="interval",
        interval_seconds=HOUR_SECONDS,
    )
    daily = UpdatePolicy(
        recommender=recommender,
        name="daily-full",
        strategy="full",
        trigger="interval",
        interval_seconds=DAY_SECONDS,
        window_seconds=90 * DAY_SECONDS,
    )
    return [hourly, daily]


def _first_update(recommender: Recommender) -> None:
    policy = recommender.policies.filter(strategy="full").first()
    if policy is not None:
        # Started again in the middle of the first update: it is under way.
        with contextlib.suppress(WriterBusy):
            trigger(recommender, policy=policy, reason="the demo's first version")
