"""A policy's guardrails on a running model: looked at every few seconds, against its base version.

Each look is at samples that no look has seen, each predicted before it was learned, and at what
the base version predicts of them. Samples that no look has judged yet are waited for until they
are enough. What a guardrail says goes to a chart (``charts``), as there are many looks; a weight
that is not finite needs none.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from updates.flows.guardrails import of_the_model
from updates.flows.measured import Measured, measure
from updates.flows.online.charts import NOISELESS, Chart, height
from updates.learners.base import Learner
from updates.metrics import Estimate
from updates.models import ModelVersion, UpdatePolicy
from updates.samples.batches import OFFSET, conform
from updates.samples.slices import NewValue
from updates.serving.loader import load
from updates.strategies.base import Candidate
from updates.strategies.online import Judged

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
# By chance a session freezes once in so long, if the model were just as bad as is allowed.
FALSE_FREEZE_SECONDS = 30 * 86_400
# Guardrails hold again once every chart was at 0 in so many looks in a row, over so long.
THAW_LOOKS, THAW_SECONDS = 10, 60.0
LOOKS_KEPT = 20
# The base's loss on a look is out of the ordinary beyond so many standard errors from what it was
# on earlier ones: then it is the samples that have changed.
ORDINARY_ERRORS, ORDINARY_LOOKS = 3.0, 50
NE, TOO_HIGH, TOO_LOW, SHIFT = "NE", "calibration above", "calibration below", "score shift"
SLICE = "slice "


@dataclass(frozen=True)
class Look:
    """What was seen on some samples.

    ordinary : whether the base version did as well on them as on earlier ones. rising : the
    guardrails whose charts are above 0 after it.
    """

    first_offset: int
    last_offset: int
    samples: int
    ne: float | None
    base_ne: float | None
    calibration: float | None
    score_shift: float | None
    ordinary: bool
    rising: list[str]


class Guard:
    """The guardrails of one session.

    looked_through : last offset that needs no look. good_through : the last sample of the newest
    look at which all was well, or that the base version had learned. why : what is broken, in
    sentences; empty while guardrails hold.
    """

    def __init__(self, policy: UpdatePolicy, base: ModelVersion, looked_through: int) -> None:
        self.policy, self.base = policy, base
        self.looked_through = looked_through
        self.good_through = base.next_offset - 1
        self.looks: deque[Look] = deque(maxlen=LOOKS_KEPT)
        self.why: list[str] = []
        self.held_looks = 0
        self._held_since = math.inf
        self._charts: dict[str, Chart] = {}
        self._usual: deque[Estimate] = deque(maxlen=ORDINARY_LOOKS)
        self._learner: Learner | None = None

    def look(self, candidate: Candidate, judged: Judged | None) -> bool:
        """Look at the model and at what is new of the samples; whether there was enough of that.

        Raises CorruptArtifact where the base version cannot be read, and LogUnavailable.
        """
        of_weights = list(of_the_model(candidate, self.policy))
        # What is predicted by weights that are not finite is no number to reckon with.
        news = self._unseen(judged) if candidate.learner.is_finite() else None
        measured = None
        if news is not None:
            found = measure(news, self._predict(news.samples), self.policy)
            measured = found if found.quality.judgeable else None
        if news is not None and measured is not None:
            self._count(news, measured)
        self.why = [*of_weights, *self._broken(measured)]
        if self.why:
            self.held_looks, self._held_since = 0, math.inf
        return measured is not None

    @property
    def holds_again(self) -> bool:
        """Whether all has been well for so long that serving may go on."""
        return (
            not self.why
            and self.held_looks >= THAW_LOOKS
            and time.monotonic() - self._held_since >= THAW_SECONDS
        )

    def looks_json(self) -> list[dict[str, Any]]:
        """The newest looks, as stored."""
        return [asdict(look) for look in self.looks]

    def _unseen(self, judged: Judged | None) -> Judged | None:
        if judged is None:
            return None
        offsets = judged.samples.column(OFFSET).to_numpy()
        first = int(np.searchsorted(offsets, self.looked_through, side="right"))
        if first == len(offsets):
            return None
        samples = judged.samples.slice(first)
        return Judged(samples, judged.predictions[first:], int(offsets[first]))

    def hold_against(self, learner: Learner) -> None:
        """The base version's model, where it need not be loaded."""
        self._learner = learner

    def _predict(self, samples: pa.Table) -> np.ndarray:
        if self._learner is None:
            self.hold_against(load(self.base, serving=True))
        learner = self._learner
        [batch] = samples.combine_chunks().to_batches()
        return learner.predict(conform(batch, learner.schema.arrow))

    def _count(self, news: Judged, measured: Measured) -> None:
        first = news.first_offset
        last = int(news.samples.column(OFFSET)[-1].as_py())
        for name, surprise in self._surprises(measured):
            self._chart(name).step(surprise, first)
        rising = [name for name, chart in self._charts.items() if chart.value]
        ordinary = self._is_ordinary(measured)
        self.looks.append(
            Look(
                first_offset=first,
                last_offset=last,
                samples=measured.quality.samples,
                ne=measured.quality.ne,
                base_ne=measured.reference and measured.reference.ne,
                calibration=measured.quality.calibration,
                score_shift=measured.score_shift,
                ordinary=ordinary,
                rising=rising,
            )
        )
        self.looked_through = last
        if rising:
            self.held_looks, self._held_since = 0, math.inf
            return
        self.held_looks += 1
        self._held_since = min(self._held_since, time.monotonic())
        if ordinary and measured.reference_loss is not None:
            self.good_through = last
            self._usual.append(measured.reference_loss)

    def _chart(self, name: str) -> Chart:
        if name not in self._charts:
            slices = self.policy.recommender.traffic_slices
            limited = self.policy.max_slice_ne_increase is not None
            of_slices = sum(not isinstance(each.rule, NewValue) for each in slices)
            charts = 4 + (of_slices if limited else 0)
            self._charts[name] = Chart(height(charts, FALSE_FREEZE_SECONDS / LOOK_SECONDS))
        return self._charts[name]

    def _surprises(self, measured: Measured) -> Iterator[tuple[str, float]]:
        """How far beyond its limit each guardrail is."""
        policy, calibration = self.policy, measured.calibration
        if measured.difference is not None:
            yield NE, measured.difference.surprise(policy.max_ne_increase)
        if calibration is not None:
            turned = Estimate(-calibration.value, calibration.standard_error, calibration.degrees)
            yield TOO_HIGH, calibration.surprise(policy.max_calibration)
            yield TOO_LOW, turned.surprise(-policy.min_calibration)
        if measured.score_shift is not None and policy.max_score_shift is not None:
            beyond = measured.score_shift > policy.max_score_shift
            yield SHIFT, NOISELESS if beyond else -NOISELESS
        if policy.max_slice_ne_increase is not None:
            for each in measured.slices:
                surprise = each.difference.surprise(policy.max_slice_ne_increase)
                yield f"{SLICE}{each.name}", surprise

    def _is_ordinary(self, measured: Measured) -> bool:
        """Whether the base does as well as on the looks before, or at the first as at its gate."""
        loss, samples = measured.reference_loss, measured.quality.samples
        if loss is None or loss.standard_error is None:
            return False
        if self._usual:
            usual = float(np.mean([known.value for known in self._usual]))
            errors = [known.standard_error or 0.0 for known in self._usual]
            error = math.hypot(loss.standard_error, float(np.linalg.norm(errors)) / len(errors))
        else:
            gate = self.base.metrics.get("candidate") or {}
            if gate.get("log_loss") is None:
                # Nothing is known of it: what it does first is usual.
                return True
            usual = gate["log_loss"]
            # As noisy as this look, for its number of samples.
            error = loss.standard_error * math.sqrt(1 + samples / gate["samples"])
        return bool(abs(loss.value - usual) <= ORDINARY_ERRORS * error)

    def _broken(self, measured: Measured | None) -> Iterator[str]:
        if measured is None:
            return
        for name, _ in self._surprises(measured):
            chart = self._charts[name]
            if chart.worse:
                since = f"{chart.looks} looks in a row, since offset {chart.first_offset:,}"
                yield f"{self._sentence(name, measured)} ({since})."

    def _sentence(self, name: str, measured: Measured) -> str:
        policy, on = self.policy, f"on the newest {measured.quality.samples} samples"
        version = f"version {self.base.number}"
        if name == SHIFT:
            shift, most = measured.score_shift, policy.max_score_shift
            return (
                f"Scores {on} are {shift:.3f} (JS distance) from those of {version}; "
                f"max_score_shift allows {most:g}"
            )
        if name in (TOO_HIGH, TOO_LOW):
            low, high = policy.min_calibration, policy.max_calibration
            return (
                f"Calibration {on} is {measured.quality.calibration:.3f}; "
                f"allowed is {low:g} to {high:g}"
            )
        if name == NE:
            ours, theirs, most = measured.quality, measured.reference, policy.max_ne_increase
            limit, where = "max_ne_increase", on
        else:
            slice_ = next(s for s in measured.slices if f"{SLICE}{s.name}" == name)
            ours, theirs, most = slice_.candidate, slice_.reference, policy.max_slice_ne_increase
            limit, where = "max_slice_ne_increase", f"on {slice_.name}, {ours.samples} samples,"
        return (
            f"NE {where} is {ours.ne:.4f} against {theirs.ne:.4f} of {version}; "
            f"{limit} allows {most:g}"
        )
