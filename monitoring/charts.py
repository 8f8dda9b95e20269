"""Which charts the page of a recommender has, and what each draws."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring import metrics
from monitoring.metrics import Metric, metric


@dataclass(frozen=True)
class Chart:
    """One chart.

    series : (measurement, name in the legend) of each line, all in one unit.
    judged_by : which reference lines it has: "objective", "one", "zero" or "".
    empty : what to say when there is no point in the range: why, and what brings one.
    """

    key: str
    title: str
    series: tuple[tuple[str, str], ...]
    empty: str
    judged_by: str = ""

    @property
    def metrics(self) -> list[Metric]:
        """What it draws, with units and definitions."""
        return [metric(name) for name, _ in self.series]

    @property
    def unit(self) -> str:
        """Unit of its values, "" for a ratio."""
        return self.metrics[0].unit

    @property
    def names(self) -> str:
        """Names of its series, separated by spaces."""
        return " ".join(name for name, _ in self.series)

    @property
    def labels(self) -> str:
        """Names in the legend, separated by bars."""
        return "|".join(label for _, label in self.series)

    @property
    def holds(self) -> bool:
        """Whether its values hold until the next point: it is then drawn in steps."""
        return self.metrics[0].holds


_NOT_JUDGED = (
    "No samples were judged in this range: at least 50 must arrive while a version is live."
)

CHARTS = (
    Chart(
        "freshness",
        "Model freshness",
        ((metrics.AGE_SECONDS, "age"), (metrics.LAG_SECONDS, "lag")),
        "No age was measured in this range: there is one as soon as a version is live.",
        "objective",
    ),
    Chart("ne", "Normalized entropy", ((metrics.NE, "NE"),), _NOT_JUDGED),
    Chart(
        "calibration", "Calibration", ((metrics.CALIBRATION, "calibration"),), _NOT_JUDGED, "one"
    ),
    Chart(
        "sparsity",
        "Sparsity",
        ((metrics.NON_ZERO_WEIGHTS, "non-zero weights"), (metrics.SEEN_FEATURES, "features seen")),
        "Nothing was deployed by the end of this range.",
    ),
    Chart(
        "gap",
        "Optimality gap",
        ((metrics.OPTIMALITY_GAP, "NE lost by small steps"),),
        "No full update was judged against the live version in this range.",
        "zero",
    ),
    Chart(
        "backlog",
        "Backlog",
        ((metrics.BACKLOG_SAMPLES, "samples not learned"),),
        "No backlog was measured in this range.",
    ),
)
