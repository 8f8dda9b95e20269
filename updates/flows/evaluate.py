"""The gate: a candidate against the live version, on newest samples that neither has learned."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from updates.flows.guardrails import broken, score_ms
from updates.flows.measured import Measured, SliceMeasured, measure
from updates.learners.base import Learner
from updates.metrics import (
    MIN_OF_EACH_LABEL,
    MIN_SAMPLES,
    LossDifference,
    Quality,
    loss_difference,
)
from updates.models import ModelVersion, UpdatePolicy
from updates.models.version import VersionState
from updates.serving import scorer
from updates.strategies.base import Candidate
from updates.strategies.online import Judged


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and which guardrails the candidate broke, in sentences.

    immature : impressions in the holdout whose labels are still coming, so that they did not judge.
    rounding_loss : log loss with the weights as serving has them, less that with learning's, on
    the same samples; None where serving's are no coarser. score_shift : JS distance between the
    two models' scores. score_ms : to score 100 rows, where the policy asks. slices : where it
    limits their NE, those with enough samples. unjudged : why nothing was judged, in a sentence.
    uncompared : why there is no reference, where that is not for want of a version.
    """

    first_offset: int
    last_offset: int
    immature: int
    candidate: Quality
    reference: Quality | None
    reference_number: int | None
    difference: LossDifference | None
    broken: list[str]
    rounding_loss: float | None = None
    score_shift: float | None = None
    score_ms: float | None = None
    slices: list[SliceMeasured] = field(default_factory=list)
    unjudged: str = ""
    uncompared: str = ""

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted."""
        return not self.broken

    def to_json(self) -> dict[str, Any]:
        """As stored with the run and its version."""
        gap = None
        if self.reference and self.reference.ne and self.candidate.ne:
            gap = self.reference.ne - self.candidate.ne
        return {
            "holdout": {"first_offset": self.first_offset, "last_offset": self.last_offset},
            "candidate": self.candidate.to_json(),
            "reference": self.reference.to_json() if self.reference else None,
            "reference_version": self.reference_number,
            "ne_gain": gap,
            "loss_difference": self.difference.mean if self.difference else None,
            "loss_difference_standard_error": (
                self.difference.standard_error if self.difference else None
            ),
            "ne_gain_interval": self._ne_gain_interval,
            "rounding_loss": self.rounding_loss,
            "score_shift": self.score_shift,
            "score_ms": self.score_ms,
            "slices": [each.to_json() for each in self.slices],
            "verdict": self.verdict,
        }

    @property
    def _ne_gain_interval(self) -> list[float] | None:
        increase = self.difference.ne_increase_interval if self.difference else None
        return [-increase[1], -increase[0]] if increase else None

    @property
    def verdict(self) -> str:
        """The outcome in a sentence with its numbers."""
        if self.broken:
            return " ".join(self.broken)
        if self.unjudged:
            return self.unjudged
        if not self.candidate.judgeable:
            return (
                f"Too few new samples to judge: {self.candidate.samples} held out, "
                f"{self.candidate.of_rarer_label} of the rarer label; "
                f"it takes {MIN_SAMPLES} and {MIN_OF_EACH_LABEL}.{self._still_coming}"
            )
        on = f"on {self.candidate.samples} newest samples that it had not learned"
        ours = f"NE {self.candidate.ne:.4f}"
        if self.reference is None:
            alone = self.uncompared or "there is no older version to compare"
            return f"{ours} {on}; {alone}.{self._still_coming}"
        theirs = f"{self.reference.ne:.4f} of version {self.reference_number}"
        return f"{ours} against {theirs}, {on}.{self._still_coming}"

    @property
    def _still_coming(self) -> str:
        return f" Labels of {self.immature} more are still coming." if self.immature else ""


def evaluate(
    live: ModelVersion | None, candidate: Candidate, holdout: pa.Table, policy: UpdatePolicy
) -> Evaluation:
    """Judge the candidate on the holdout under the policy's guardrails.

    The reference is the live version, or where that has already learned part of the holdout, the
    newest formerly live one that has not: a comparison on samples that one side knows is void.
    A holdout too small to tell a worse candidate from chance rejects none, and the verdict says so.
    """
    predictions = candidate.learner.predict(holdout)
    judged = Judged(holdout, predictions, candidate.next_offset)
    return evaluate_judged(live, candidate, judged, policy)


def evaluate_judged(
    live: ModelVersion | None, candidate: Candidate, judged: Judged, policy: UpdatePolicy
) -> Evaluation:
    """As ``evaluate``, on samples whose predictions were made before they were learned."""
    reference = reference_for(live, judged.first_offset)
    predictions = None
    if reference is not None and judged.samples.num_rows:
        predictions = scorer.predict(reference, judged.samples)
    return evaluate_pair(candidate, judged, reference, predictions, policy)


def evaluate_pair(
    candidate: Candidate,
    judged: Judged,
    reference: ModelVersion | None,
    reference_predictions: np.ndarray | None,
    policy: UpdatePolicy,
) -> Evaluation:
    """As ``evaluate``, against what is known of the reference's predictions of the same samples."""
    measured = measure(judged, reference_predictions, policy)
    taken = score_ms(candidate, judged.samples) if policy.max_score_ms else None
    return Evaluation(
        first_offset=judged.first_offset,
        last_offset=judged.first_offset + judged.samples.num_rows - 1,
        immature=measured.immature,
        candidate=measured.quality,
        reference=measured.reference,
        reference_number=reference.number if measured.reference and reference else None,
        difference=measured.difference,
        broken=broken(candidate, measured, taken, policy),
        score_shift=measured.score_shift,
        score_ms=taken,
        slices=measured.slices,
        rounding_loss=_rounding_loss(candidate.learner, judged.samples, measured),
    )


def _rounding_loss(learner: Learner, samples: pa.Table, measured: Measured) -> float | None:
    """Of the candidate as it is now: that it has learned the samples since is in both terms."""
    if not learner.deploys_rounded or not len(measured.weights):
        return None
    rounded, exact = (
        predict(samples)[measured.rows] for predict in (learner.predict_deployed, learner.predict)
    )
    return loss_difference(measured.labels, rounded, exact, measured.weights).mean


def reference_for(live: ModelVersion | None, first: int) -> ModelVersion | None:
    """The live version, or the newest retired one that has learned nothing from ``first`` on."""
    if live is None or live.next_offset <= first:
        return live
    return (
        ModelVersion.objects.filter(
            recommender_id=live.recommender_id,
            number__lt=live.number,
            next_offset__lte=first,
            state=VersionState.RETIRED,
            pruned_at=None,
        )
        .order_by("-number")
        .first()
    )
