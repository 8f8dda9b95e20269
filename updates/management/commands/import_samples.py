"""Import recorded samples."""

import json
import sys
import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from updates.flows.import_samples import Imported, import_samples, newest_event_time
from updates.flows.own_log import SharesLog, ensure_owns_log
from updates.management.source_options import add_source_arguments, source_options
from updates.models import Recommender
from updates.samples.errors import ParseError
from updates.samples.log import LogUnavailable
from updates.samples.replay import TimeMap
from updates.samples.schema import SampleSchema, SchemaError
from updates.samples.sources import Source, SourceMissing, open_source

SHOWN_ERRORS = 100
BAR_WIDTH = 30
SECONDS_BETWEEN_LINES = 5.0


def fraction(text: str) -> float:
    """A share from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"must be a number from 0 to 1, got {text!r}")
    return value


class Command(BaseCommand):
    help = (
        "Append recorded samples to a recommender's log: ml-100k, open-bandit, or a CSV, NDJSON "
        "or Parquet file. Importing the same samples again adds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="of the recommender")
        parser.add_argument("source", help="ml-100k, open-bandit, or the path of a file")
        add_source_arguments(parser)
        parser.add_argument(
            "--shift-to-now", action="store_true", help="move event times: the newest is now"
        )
        parser.add_argument(
            "--speed", type=float, default=1.0, help="with --shift-to-now: compress times by this"
        )
        parser.add_argument(
            "--from", type=fraction, default=0.0, dest="start", help="leave out this share"
        )
        parser.add_argument("--until", type=fraction, default=1.0, help="stop at this share")
        parser.add_argument(
            "--create", action="store_true", help="create the recommender if it is missing"
        )
        parser.add_argument("--schema", help="with --create: JSON; a named source has its own")

    def handle(self, *args: Any, slug: str, source: str, **options: Any) -> None:
        if options["speed"] <= 0:
            raise CommandError(f"--speed must be above 0, got {options['speed']:g}")
        if options["speed"] != 1 and not options["shift_to_now"]:
            raise CommandError("--speed goes with --shift-to-now")
        try:
            recommender = _recommender(slug, source, options)
            ensure_owns_log(recommender)
            chosen = source_options(options)
            samples = open_source(source, recommender.sample_schema, **chosen)
            imported = self._import(recommender, samples, options)
        except (SourceMissing, ParseError, ValidationError, SharesLog) as error:
            raise CommandError("; ".join(getattr(error, "messages", [str(error)]))) from error
        except LogUnavailable as error:
            raise CommandError(
                f"{error} What has landed stays; the same command goes on from there."
            ) from error
        self._report(imported, recommender)

    def _import(
        self, recommender: Recommender, source: Source, options: dict[str, Any]
    ) -> Imported:
        start, stop = _rows(source, options["start"], options["until"])
        to_present = None
        if options["shift_to_now"]:
            newest = newest_event_time(source, start, stop) or 0
            to_present = TimeMap(newest, time.time_ns() // 1_000_000, options["speed"])
        total = stop if stop is not None else source.total_rows
        progress = Progress(total - start if total is not None else None)
        added = known = 0
        refused = []
        for step in import_samples(
            recommender, source, start=start, stop=stop, to_present=to_present
        ):
            added, known = added + step.added, known + step.known
            refused += step.refused
            progress.advance(step.rows)
        progress.end()
        return Imported(added, known, refused)

    def _report(self, imported: Imported, recommender: Recommender) -> None:
        for error in imported.refused[:SHOWN_ERRORS]:
            where = f"row {error.row}" + (f", field {error.field}" if error.field else "")
            self.stderr.write(f"{where}: {error.error}")
        if len(imported.refused) > SHOWN_ERRORS:
            self.stderr.write(f"and {len(imported.refused) - SHOWN_ERRORS} more refused rows")
        if not imported.added and not imported.known:
            raise CommandError(f"Nothing landed: {len(imported.refused)} rows were refused.")
        sentence = f"{recommender.slug}: {imported.added} samples added"
        if imported.known:
            sentence += f", {imported.known} were there from before"
        if imported.refused:
            sentence += f", {len(imported.refused)} rows refused"
        self.stdout.write(f"{sentence}.")


def _rows(source: Source, start: float, until: float) -> tuple[int, int | None]:
    if (start, until) == (0, 1):
        return 0, None
    if source.total_rows is None:
        raise CommandError("--from and --until need NDJSON or Parquet: a CSV's rows aren't counted")
    return int(source.total_rows * start), int(source.total_rows * until)


def _recommender(slug: str, source: str, options: dict[str, Any]) -> Recommender:
    """The one of that slug; created where that is asked for."""
    recommender = Recommender.objects.filter(slug=slug).first()
    if recommender is not None:
        return recommender
    if not options["create"]:
        raise CommandError(
            f"There is no recommender {slug!r}; create it in the admin, by "
            "POST /api/v1/recommenders, or by adding --create to this command."
        )
    try:
        schema = (
            SampleSchema.from_json(json.loads(options["schema"])) if options["schema"] else None
        )
        schema = open_source(source, schema, **source_options(options)).schema
    except (SchemaError, ValueError) as error:
        raise CommandError(f"--schema: {error}") from error
    recommender = Recommender(
        slug=slug, name=slug, learner="sparse_linear", schema=schema.to_json()
    )
    recommender.full_clean()
    recommender.save()
    return recommender


class Progress:
    """How far an import is: a bar on a terminal, else a line from time to time."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.done = 0
        self.bar = sys.stderr.isatty()
        self.started = self.shown = time.monotonic()

    def advance(self, rows: int) -> None:
        """So many rows more are dealt with."""
        self.done += rows
        now = time.monotonic()
        if now - self.shown >= (0.1 if self.bar else SECONDS_BETWEEN_LINES):
            self.shown = now
            self._show()

    def end(self) -> None:
        """Leave the bar where it ended."""
        if self.bar:
            self._show()
            sys.stderr.write("\n")

    def _show(self) -> None:
        pace = self.done / max(time.monotonic() - self.started, 1e-9)
        text = f"{self.done:,} rows, {pace:,.0f} a second"
        if self.total:
            share = min(self.done / self.total, 1)
            filled = round(share * BAR_WIDTH)
            text = f"{share:4.0%} [{'#' * filled}{' ' * (BAR_WIDTH - filled)}] {text}"
        sys.stderr.write(f"\r{text}" if self.bar else f"{text}\n")
        sys.stderr.flush()
