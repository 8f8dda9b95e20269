"""Does the live version predict worse than after its promotion, by more than is allowed?"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scipy.stats import norm

from monitoring.models import LossCell
from monitoring.quality import losses
from updates.cadence import Trigger
from updates.flows.drifted import degraded
from updates.metrics import entropy
from updates.models import Deployment, UpdatePolicy
from updates.models.policy import EXECUTED
from updates.words import percent

logger = logging.getLogger(__name__)

LEAST_SAMPLES = 200
LEAST_OF_EACH_LABEL = 10
# One-sided: of a look a minute at a version as good as allowed, one a month is wrong.
ERRORS = float(norm.isf(1 / 43_200))


@dataclass(frozen=True)
class JudgedNE:
    """Normalized entropy of some judged samples: its value and standard error."""

    samples: int
    value: float
    standard_error: float

    @classmethod
    def of(cls, cells: Iterable[LossCell]) -> JudgedNE | None:
        """None where the samples are too few to tell.

        NE = l̄ / H(ȳ) is a function of two means, so that its variance follows from those of the
        losses l and labels y and their covariance (delta method); losses count as independent.
        """
        cells = list(cells)
        n, positives = sum(c.samples for c in cells), sum(c.positives for c in cells)
        if n < LEAST_SAMPLES or min(positives, n - positives) < LEAST_OF_EACH_LABEL:
            return None
        loss, clicks = sum(c.loss for c in cells) / n, positives / n
        h = entropy(clicks)
        by_loss, by_clicks = 1 / h, -loss / h**2 * math.log((1 - clicks) / clicks)
        variance = sum(c.squares for c in cells) / n - loss**2
        covariance = sum(c.loss_of_positives for c in cells) / n - loss * clicks
        noise = (
            by_loss**2 * variance
            + by_clicks**2 * clicks * (1 - clicks)
            + 2 * by_loss * by_clicks * covariance
        )
        return cls(n, loss / h, math.sqrt(max(noise, 0.0) / n))


def watch(now: datetime) -> None:
    """Have the policies fire that allow less than what is measured."""
    policies = UpdatePolicy.objects.filter(
        trigger=Trigger.STALENESS, max_ne_degradation__isnull=False, strategy__in=EXECUTED
    )
    for policy in policies.select_related("recommender__live_version"):
        try:
            if because := worse_than_allowed(policy, now):
                degraded(policy, because, now)
        except Exception:
            # One log that cannot be read must not hold up the others' policies.
            logger.exception("quality for policy %s", policy)


def worse_than_allowed(policy: UpdatePolicy, now: datetime) -> str:
    """By how much what is live is worse than the policy allows, in a sentence; "" where it is not,
    or where it cannot be told from noise."""
    of = policy.recommender
    deployment = Deployment.objects.filter(recommender=of, ended_at=None).first()
    if deployment is None:
        return ""
    start = deployment.started_at
    span = min(losses.FIRST_HOURS, (now - start) / 2)
    before = JudgedNE.of(losses.between(of, start, start + span))
    after = JudgedNE.of(losses.between(of, now - span, now))
    if before is None or after is None or not _is_worse(before, after, policy):
        return ""
    return _because(before, after, policy)


def _is_worse(before: JudgedNE, after: JudgedNE, policy: UpdatePolicy) -> bool:
    allowed = 1 + policy.max_ne_degradation
    noise = math.hypot(after.standard_error, allowed * before.standard_error)
    return after.value - allowed * before.value > ERRORS * noise


def _because(before: JudgedNE, after: JudgedNE, policy: UpdatePolicy) -> str:
    worse = percent(round(after.value / before.value - 1, 3))
    return (
        f"NE on arriving samples is {after.value:.4f} (±{ERRORS * after.standard_error:.4f}, "
        f"{after.samples:,} samples) against {before.value:.4f} "
        f"(±{ERRORS * before.standard_error:.4f}, {before.samples:,} samples) after the promotion: "
        f"{worse} worse, at most {percent(policy.max_ne_degradation)} is allowed."
    )
