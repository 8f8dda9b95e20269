"""The demo: films and a simulated news feed, set up and played live."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from recadmin.demo.feed import Feed
from recadmin.demo.feed_fleet import set_up_feed
from recadmin.demo.feed_regret import Meter
from recadmin.demo.films import begin_films, set_up_films
from updates.flows.replay import play

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Set the demo up (MovieLens 100K, and a simulated feed) and play it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--setup-only", action="store_true", help="create, play nothing")

    def handle(self, *args: Any, setup_only: bool, **options: Any) -> None:
        films, feed_recommenders = set_up_films(), set_up_feed()
        if setup_only:
            return
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        replays = begin_films(films)
        feed = Feed(feed_recommenders)
        feed.load_history()
        feed.train()
        meter = Meter(feed, feed_recommenders)
        _beside(lambda: play(*replays))
        _beside(meter.run)
        feed.play()


def _beside(work: Callable[[], None]) -> None:
    """In a thread; one that fails ends the process, which is then started again."""

    def run() -> None:
        try:
            work()
        except Exception:
            logger.exception("the demo ends")
            os._exit(1)

    threading.Thread(target=run, daemon=True).start()
