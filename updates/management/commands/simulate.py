"""Play recorded samples live, their time compressed."""

import signal
import sys
from typing import Any

import pyarrow as pa
from django.core.management.base import BaseCommand, CommandError, CommandParser

from updates.flows.own_log import SharesLog, ensure_owns_log
from updates.flows.replay import Replay, play
from updates.management.source_options import add_source_arguments, source_options
from updates.models import Recommender
from updates.samples.errors import ParseError
from updates.samples.sources import SourceMissing, open_source


class Command(BaseCommand):
    help = (
        "Map recorded event times onto the present and play the samples as if they happened now. "
        "Goes on where it stopped; plays no sample twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument(
            "--source", default="ml-100k", help="ml-100k, open-bandit, or a file's path"
        )
        add_source_arguments(parser)
        parser.add_argument("--speed", type=float, default=1.0, help="so many times as fast")
        parser.add_argument(
            "--history", type=float, default=0.0, help="share of the samples loaded at once before"
        )

    def handle(
        self,
        *args: Any,
        slug: str,
        source: str,
        speed: float,
        history: float,
        **options: Any,
    ) -> None:
        if speed <= 0:
            raise CommandError(f"--speed must be above 0, got {speed:g}")
        if not 0 <= history <= 1:
            raise CommandError(f"--history must be from 0 to 1, got {history:g}")
        replay = start_replay(slug, source, speed, **source_options(options))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        replay.load_history(history)
        self.stdout.write(f"{slug}: playing {replay.source} from sample {replay.next_row} on")
        play(replay)
        self.stdout.write(f"{slug}: all of {replay.source} has been played")


def start_replay(slug: str, source: str, speed: float, **chosen: Any) -> Replay:
    """The replay of a source into a recommender; raises CommandError where one is missing."""
    try:
        recommender = Recommender.objects.get(slug=slug)
        ensure_owns_log(recommender)
        samples = open_source(source, recommender.sample_schema, **chosen)
        table = pa.Table.from_batches(list(samples), schema=samples.schema.arrow)
    except Recommender.DoesNotExist:
        raise CommandError(f"There is no recommender {slug!r}; create it in the admin.") from None
    except (SourceMissing, ParseError, SharesLog) as error:
        raise CommandError(str(error)) from error
    return Replay(recommender, samples.name, table, speed)
