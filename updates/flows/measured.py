"""What guardrails judge by: a candidate and a reference on the same samples, whole and by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from updates.flows.mature import mature_samples
from updates.metrics import (
    CONFIDENCE,
    Estimate,
    LossDifference,
    Quality,
    calibration_estimate,
    loss_difference,
    loss_estimate,
    quality,
)
from updates.models import Recommender, UpdatePolicy
from updates.samples.schema import WEIGHT
from updates.samples.slices import NewValue
from updates.strategies.online import Judged

SCORE_BINS = 20


@dataclass(frozen=True)
class SliceMeasured:
    """One slice with enough samples.

    ne_increase_at_least : with 99 % confidence of all slices that were looked at together.
    """

    name: str
    candidate: Quality
    reference: Quality
    difference: LossDifference
    ne_increase_at_least: float

    def to_json(self) -> dict[str, Any]:
        """As stored with a run and its version."""
        return {
            "name": self.name,
            "samples": self.candidate.samples,
            "positives": self.candidate.positives,
            "candidate_ne": self.candidate.ne,
            "reference_ne": self.reference.ne,
            "ne_increase": self.difference.ne_increase,
            "ne_increase_at_least": self.ne_increase_at_least,
        }


@dataclass(frozen=True)
class Measured:
    """What was measured of a candidate; None where that was not possible.

    quality : of the candidate. reference : of the version that it is compared with, on the same
    samples; reference_loss : its log loss. difference : of the losses. score_shift : see
    ``score_shift``. slices : those with enough samples, where the policy limits them. labels,
    weights : (n,) of the samples that count; rows : which of those judged they are. immature :
    samples whose labels are still coming.
    """

    quality: Quality
    reference: Quality | None
    reference_loss: Estimate | None
    difference: LossDifference | None
    calibration: Estimate | None
    score_shift: float | None
    slices: list[SliceMeasured]
    labels: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    immature: int


def measure(
    judged: Judged, reference_predictions: np.ndarray | None, policy: UpdatePolicy
) -> Measured:
    """Compare what was predicted of these samples with what another model predicts, (n,)."""
    mature = mature_samples(judged.samples, policy.recommender)
    kept, labels = mature.rows, mature.labels
    weights = judged.samples.column(WEIGHT).to_numpy().astype(np.float64)[kept]
    predictions = judged.predictions[kept]
    groups = user_numbers(judged.samples, policy.recommender)
    groups = groups[kept] if groups is not None else None
    theirs = loss = difference = shift = None
    slices: list[SliceMeasured] = []
    if reference_predictions is not None:
        scores = reference_predictions[kept]
        theirs = quality(labels, scores, weights)
        loss = loss_estimate(labels, scores, weights, groups)
        difference = loss_difference(labels, predictions, scores, weights, groups)
        shift = score_shift(predictions, scores)
        if policy.max_slice_ne_increase is not None:
            columns = (labels, predictions, scores, weights, groups)
            slices = _of_slices(_slice_rows(policy.recommender, judged.samples, kept), columns)
    return Measured(
        quality=quality(labels, predictions, weights),
        reference=theirs,
        reference_loss=loss,
        difference=difference,
        calibration=calibration_estimate(labels, predictions, weights, groups),
        score_shift=shift,
        slices=slices,
        labels=labels,
        weights=weights,
        rows=kept,
        immature=mature.immature,
    )


def _slice_rows(
    recommender: Recommender, samples: pa.Table, kept: np.ndarray
) -> dict[str, np.ndarray]:
    """By slice, which of the rows kept it holds, (n,) bool. Which values are new is not in the
    samples: such slices are left out."""
    return {
        each.name: each.rule.rows(samples)[kept]
        for each in recommender.traffic_slices
        if not isinstance(each.rule, NewValue)
    }


def _of_slices(
    rows: dict[str, np.ndarray], columns: Sequence[np.ndarray | None]
) -> list[SliceMeasured]:
    """Those with enough samples, each bounded so that all bounds hold together (Bonferroni).

    Holm's procedure would reject the same candidates, as it begins with Bonferroni's step; it has
    no bounds that could be told with each slice.
    """
    found = []
    for name, which in rows.items():
        labels, predictions, scores, weights, groups = (
            None if column is None else column[which] for column in columns
        )
        ours = quality(labels, predictions, weights)
        if ours.judgeable:
            theirs = quality(labels, scores, weights)
            difference = loss_difference(labels, predictions, scores, weights, groups)
            found.append((name, ours, theirs, difference))
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(found))
    return [
        SliceMeasured(name, ours, theirs, difference, difference.least_ne_increase(confidence))
        for name, ours, theirs, difference in found
    ]


def score_shift(scores: np.ndarray, reference: np.ndarray) -> float | None:
    """Jensen–Shannon distance, 0 to 1, between two models' (n,) scores of the same samples.

    In 20 bins that hold as many of both together each. The samples are the same, so that
    there is no noise of sampling in it. None of no samples.
    """
    if not len(scores):
        return None
    edges = np.quantile(np.append(scores, reference), np.linspace(0, 1, SCORE_BINS + 1)[1:-1])
    p, q = (
        np.bincount(np.searchsorted(edges, x, side="right"), minlength=SCORE_BINS) / len(x)
        for x in (scores, reference)
    )
    middle = (p + q) / 2

    def divergence(x: np.ndarray) -> float:
        there = x > 0
        return float((x[there] * np.log2(x[there] / middle[there])).sum())

    return float(np.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2)))


def user_numbers(samples: pa.Table, recommender: Recommender) -> np.ndarray | None:
    """(n,) a number from 0 for the user of each sample, whose samples may err together; None where
    the schema names no user."""
    user = recommender.sample_schema.user
    if user is None or not samples.num_rows:
        return None
    users = samples.column(user).combine_chunks().fill_null("").dictionary_encode()
    numbers: np.ndarray = users.indices.to_numpy()
    return numbers
