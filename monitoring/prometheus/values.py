"""The values that a scrape collects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric

from monitoring.prometheus.families import FAMILIES, Family


class Values:
    """The values of a scrape, in the order of ``FAMILIES``."""

    def __init__(self) -> None:
        self._metrics = {name: family.empty() for name, family in FAMILIES.items()}

    def add(self, family: Family, value: float | None, *labels: str) -> None:
        """A value by its labels; None is left out."""
        if value is not None:
            self._metrics[family.name].add_metric(labels, value)

    def add_one_of(self, family: Family, value: str, choices: Iterable[str], *labels: str) -> None:
        """1 for the value among its choices, which the last label names, 0 for the others."""
        for choice in choices:
            self.add(family, float(choice == value), *labels, choice)

    def metrics(self) -> Iterator[Metric]:
        """Those that have values."""
        return (metric for metric in self._metrics.values() if metric.samples)
