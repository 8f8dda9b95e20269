"""The charts of a recommender's page, line by line, alone or compared with another recommender."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitoring import metrics, series
from monitoring.charts import Chart, charts_of
from updates.models import Recommender

# Of the style sheet: ``--line-1`` and so on, and one for what the others are measured against.
COLOURS = 6
REFERENCE_COLOUR = 0
REFERENCE = "declared"


@dataclass(frozen=True)
class Line:
    """One line of a chart: what to ask the API for, and how it is drawn and called.

    slug : whose measurement. of : policy, component or slice by which it is kept, "" for the
        recommender's. colour : number of its colour.
    """

    slug: str
    metric: str
    of: str
    label: str
    colour: int
    dashed: bool


@dataclass(frozen=True)
class DrawnChart:
    """A chart with its lines, the compared recommender's after its own."""

    chart: Chart
    lines: list[Line]


def drawn_charts(recommender: Recommender, other: Recommender | None = None) -> list[DrawnChart]:
    """Its charts; those that the other one has too draw both.

    What is kept by policy is never compared: policies of two recommenders have nothing in common
    but perhaps a name.
    """
    shared = _charts(other) if other else []
    return [
        DrawnChart(chart, list(_lines(chart, recommender, other if chart in shared else None)))
        for chart in _charts(recommender)
    ]


def _charts(recommender: Recommender) -> list[Chart]:
    live = recommender.live_version
    components = list(live.components) if live else []
    slices = [each.name for each in recommender.traffic_slices]
    kept = recommender.series.filter(name=metrics.FEATURE_AGE_P95_SECONDS)
    features = list(kept.order_by("part").values_list("part", flat=True))
    simulated = series.recorded(recommender, metrics.REGRET)
    policies = recommender.policies.all()
    told = {"simulated": simulated, "trained_here": recommender.trained_here}
    return charts_of(policies, components, slices, features, **told)


def _lines(chart: Chart, recommender: Recommender, other: Recommender | None) -> Iterator[Line]:
    number = 0
    for whose in filter(None, (recommender, other)):
        for (metric, label), of in zip(chart.series, chart.of, strict=True):
            reference = label == REFERENCE
            yield Line(
                whose.slug,
                metric,
                of,
                f"{whose.slug}: {label}" if other else label,
                REFERENCE_COLOUR if reference else number % COLOURS + 1,
                dashed=reference or whose is other,
            )
            number += 1
