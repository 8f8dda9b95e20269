"""What keeping a model fresh is worth: policies replayed over recorded samples."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
from django.core.management.base import BaseCommand, CommandError, CommandParser

from updates.learners import registry
from updates.samples.sources import SourceMissing, open_source
from updates.strategies.backtest import Outcome, Plan, TableLog, backtest

DAY = timedelta(days=1)
PLANS = (
    Plan("never updated", "full", None),
    Plan("full, weekly", "full", 7 * DAY),
    Plan("full, daily", "full", DAY),
    Plan("incremental, weekly", "incremental", 7 * DAY),
    Plan("incremental, daily", "incremental", DAY),
    Plan("incremental, hourly", "incremental", DAY / 24),
)
HEADER = (
    "| learner | policy | updates | NE | against never | AUC | calibration | CPU seconds |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|"
)


class Command(BaseCommand):
    help = "Replay update policies over recorded samples; prints a Markdown table."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", nargs="?", default="ml-100k")
        parser.add_argument(
            "--learner", action="append", choices=registry.names(), help="default: all that fit"
        )
        parser.add_argument(
            "--history", type=float, default=0.5, help="share of samples before the start"
        )

    def handle(
        self, *args: Any, source: str, learner: list[str] | None, history: float, **options: Any
    ) -> None:
        try:
            samples = open_source(source)
        except SourceMissing as missing:
            raise CommandError(str(missing)) from missing
        log = TableLog(pa.Table.from_batches(list(samples)))
        start = int(log.table.num_rows * history) + 1
        self.stdout.write(HEADER)
        for name in learner or ["sparse_linear", "gbdt"]:
            never = None
            for plan in PLANS:
                outcome = backtest(
                    log, lambda name=name: registry.get(name)(samples.schema, {}), plan, start
                )
                never = never or outcome
                self.stdout.write(_row(name, outcome, never))
                self.stdout.flush()


def _row(learner: str, outcome: Outcome, never: Outcome) -> str:
    found = outcome.quality
    change = 100 * (found.ne / never.quality.ne - 1)
    return (
        f"| {learner} | {outcome.plan.name} | {outcome.updates} | {found.ne:.4f} "
        f"| {change:+.2f} % | {found.auc:.4f} | {found.calibration:.3f} "
        f"| {outcome.cpu_seconds:.1f} |"
    )
