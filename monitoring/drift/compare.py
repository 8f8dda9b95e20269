"""Compare two periods, feature by feature, and rank what drifted."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitoring.drift.bins import Bins, number_bins, value_bins
from monitoring.drift.distance import js_distance, psi, psi_by_chance
from monitoring.drift.new_values import new_value_rate, new_values_by_chance
from monitoring.drift.numbers import NumberSketch
from monitoring.drift.values import ValueSketch

Sketch = NumberSketch | ValueSketch
KINDS: dict[str, type[NumberSketch] | type[ValueSketch]] = {
    sketch.kind: sketch for sketch in (NumberSketch, ValueSketch)
}
# An effect below this changes few decisions, however certain it is on many rows.
EFFECT = 0.1


class Verdict(enum.StrEnum):
    """DRIFTED: an effect, beyond chance. SLIGHT: beyond chance, too small to act on. STABLE: not
    beyond chance. UNSURE: no more than chance, but on so few rows that an effect could hide."""

    DRIFTED = "drifted"
    SLIGHT = "slight"
    STABLE = "stable"
    UNSURE = "unsure"


@dataclass(frozen=True)
class FeatureDrift:
    """One feature now against another period.

    psi, js_distance : see ``distance``. psi_by_chance : exceeded one time in twenty without drift.
    new_value_rate, new_values_by_chance : see ``new_values``; 0 for numbers.
    contribution : its share of all features' effects beyond chance.
    """

    feature: str
    kind: str
    bins: Bins
    rows: tuple[int, int]
    effective_rows: tuple[float, float]
    psi: float
    js_distance: float
    psi_by_chance: float
    new_value_rate: float = 0.0
    new_values_by_chance: float = 0.0
    contribution: float = 0.0

    @property
    def beyond_chance(self) -> float:
        """The larger of both effects, less what chance explains of it; at least 0."""
        distribution = self.psi - self.psi_by_chance
        return max(distribution, self.new_value_rate - self.new_values_by_chance, 0.0)

    @property
    def verdict(self) -> Verdict:
        """What to make of it."""
        if self.drifted_beyond(self.psi_by_chance):
            return Verdict.DRIFTED
        if self.beyond_chance:
            return Verdict.SLIGHT
        return Verdict.UNSURE if self.psi_by_chance > EFFECT else Verdict.STABLE

    def drifted_beyond(self, noise: float, effect: float = EFFECT) -> bool:
        """Whether PSI is an effect above that noise, or new values are one above theirs."""
        news = self.new_value_rate - self.new_values_by_chance
        return self.psi > max(effect, noise) or news > effect


def compare(feature: str, now: Sketch, against: Sketch) -> FeatureDrift:
    """A feature in two periods. Raises TypeError where it was of another kind in one of them."""
    if isinstance(now, NumberSketch) and isinstance(against, NumberSketch):
        bins, news = number_bins(now, against), {}
    elif isinstance(now, ValueSketch) and isinstance(against, ValueSketch):
        bins = value_bins(now, against)
        news = {
            "new_value_rate": new_value_rate(now, against),
            "new_values_by_chance": new_values_by_chance(now, against),
        }
    else:
        raise TypeError(f"{feature} is a {now.kind} now and was a {against.kind}")
    effective = (now.effective_rows, against.effective_rows)
    shares = bins.shares()
    return FeatureDrift(
        feature,
        now.kind,
        bins,
        rows=(now.rows, against.rows),
        effective_rows=effective,
        psi=psi(*shares, (max(now.rows, 1), max(against.rows, 1))),
        js_distance=js_distance(*shares),
        psi_by_chance=psi_by_chance(bins.held, *effective),
        **news,
    )


def compare_all(now: Mapping[str, Sketch], against: Mapping[str, Sketch]) -> list[FeatureDrift]:
    """Features that both periods have, of one kind, by their contribution; ties by name."""
    found = [
        compare(feature, sketch, against[feature])
        for feature, sketch in now.items()
        if feature in against and against[feature].kind == sketch.kind
    ]
    total = sum(drift.beyond_chance for drift in found)
    ranked = sorted(found, key=lambda drift: (-drift.beyond_chance, -drift.psi, drift.feature))
    if not total:
        return ranked
    return [replace(drift, contribution=drift.beyond_chance / total) for drift in ranked]
