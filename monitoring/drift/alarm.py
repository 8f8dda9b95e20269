"""When drift is worth waking somebody: large enough, certain enough, for long enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitoring.drift.compare import EFFECT, FeatureDrift
from monitoring.drift.distance import psi_by_chance

MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Budget:
    """How many false alarms a whole fleet may raise by chance.

    alarms_a_month : over all features and models together. tests : features of all models.
    every : time from one look at a feature to the next.
    """

    alarms_a_month: float
    tests: int
    every: timedelta

    @property
    def probability(self) -> float:
        """What is left for one look at one feature (Bonferroni: looks may depend on another)."""
        return self.alarms_a_month / (max(self.tests, 1) * (MONTH / self.every))


@dataclass(frozen=True)
class Rule:
    """What raises an alarm, and what clears it.

    effect : PSI that matters. lasting : it must hold so long, and so long be gone. hysteresis : it
    is gone below this share of the effect.
    """

    budget: Budget
    effect: float = EFFECT
    lasting: timedelta = timedelta(minutes=5)
    hysteresis: float = 0.5

    def limit(self, drift: FeatureDrift) -> float:
        """The PSI above which there is an effect beyond chance, at the budget's probability."""
        return max(self.effect, self._noise(drift))

    def raises(self, drift: FeatureDrift) -> bool:
        """Whether there is an effect, beyond chance."""
        return drift.drifted_beyond(self._noise(drift), self.effect)

    def clears(self, drift: FeatureDrift) -> bool:
        """Whether the effect has gone."""
        left = self.hysteresis * self.effect
        return not drift.drifted_beyond(self.hysteresis * self._noise(drift), left)

    def _noise(self, drift: FeatureDrift) -> float:
        return psi_by_chance(drift.bins.held, *drift.effective_rows, self.budget.probability)


@dataclass(frozen=True)
class AlarmState:
    """turning_since : from when on the rule has said otherwise than the alarm does, None if it
    does not. firing_since : None where no alarm is on."""

    turning_since: datetime | None = None
    firing_since: datetime | None = None

    def step(self, drift: FeatureDrift, rule: Rule, now: datetime) -> AlarmState:
        """The state after a look at ``now``."""
        turns = rule.clears(drift) if self.firing_since else rule.raises(drift)
        if not turns:
            return replace(self, turning_since=None)
        since = self.turning_since or now
        if now - since < rule.lasting:
            return replace(self, turning_since=since)
        return AlarmState(firing_since=None if self.firing_since else now)
