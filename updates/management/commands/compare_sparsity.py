"""Which algorithm needs the fewest weights for the same ranking: McMahan et al. 2013, Table 1."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from updates.learners.experiments import sparsity
from updates.learners.experiments.sparsity import Outcome, Stream
from updates.samples.sources import SourceMissing, open_source

SIMULATED = "simulated"
HEADER = (
    "| algorithm | setting | non-zeros | to FTRL's | AucLoss | to FTRL's | NE |\n"
    "|---|---|---:|---:|---:|---:|---:|"
)


class Command(BaseCommand):
    help = "Compare the non-zero weights of FTRL, RDA, FOBOS and OGD-count at equal AucLoss."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--source", action="append", help=f"{SIMULATED}, or a name or file with samples"
        )
        parser.add_argument("--rows", type=int, default=1_000_000, help="of the simulated stream")
        parser.add_argument("--grid", action="store_true", help="print every setting tried too")

    def handle(
        self, *args: Any, source: list[str] | None, rows: int, grid: bool, **options: Any
    ) -> None:
        for name in source or [SIMULATED, "ml-100k", "open-bandit"]:
            stream = _stream(name, rows)
            tried = list(sparsity.outcomes(stream))
            self.stdout.write(f"{_title(stream)}\n\n{HEADER}")
            chosen = sparsity.fewest(tried)
            for one in chosen:
                self.stdout.write(_row(one, chosen[0]))
            if grid:
                self.stdout.write(f"\nAll that was tried:\n\n{HEADER}")
                for one in tried:
                    self.stdout.write(_row(one, chosen[0]))
            self.stdout.write("")
            self.stdout.flush()


def _stream(name: str, rows: int) -> Stream:
    if name == SIMULATED:
        return sparsity.simulated(rows)
    try:
        source = open_source(name)
    except SourceMissing as missing:
        raise CommandError(str(missing)) from missing
    return sparsity.recorded(source.name, source.schema, source)


def _title(stream: Stream) -> str:
    counts = stream.counts()
    least = "" if stream.least is None else f"; the true model's AucLoss is {stream.least:.5f}"
    return (
        f"{stream.name}: {len(stream.labels):,} samples, {len(counts):,} features, "
        f"{(counts == 1).mean():.0%} of them met once{least}. Grid: rates "
        f"{sparsity.RATES}, l1 {sparsity.PENALTIES}, k {sparsity.COUNTS}; chosen: the fewest "
        f"non-zeros with an AucLoss at most {sparsity.TOLERANCE:.1%} above FTRL's least."
    )


def _row(one: Outcome, ftrl: Outcome) -> str:
    return (
        f"| {one.method} | {one.setting} | {one.non_zero:,} | "
        f"{one.non_zero / max(ftrl.non_zero, 1) - 1:+.0%} | {one.auc_loss:.5f} | "
        f"{one.auc_loss / ftrl.auc_loss - 1:+.2%} | {one.ne:.4f} |"
    )
