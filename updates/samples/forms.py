"""What the rows of a request consist of: samples, rows to score, impressions, feedback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from updates.samples.checks import Checker
from updates.samples.schema import EVENT_TIME, IMPRESSION, LABEL, WEIGHT, SampleSchema

TEXT, NUMBER, TEXTS = str | None, float | None, list[str] | None
INSTANT = str | int | float | None


@dataclass(frozen=True)
class Form:
    """One kind of row.

    own : its fields beside the features, with the types of their JSON values.
    features : whether it carries those of the schema, and what was predicted of them.
    check : what makes a canonical batch of the good rows at a given present time.
    """

    own: tuple[tuple[str, Any], ...]
    features: bool
    check: Callable[[Checker, datetime], pa.RecordBatch]

    def kinds(self, schema: SampleSchema) -> dict[str, Any]:
        """Its fields with the types of their JSON values, in the order of their columns."""
        if not self.features:
            return dict(self.own)
        return {
            **dict(self.own),
            **dict.fromkeys(schema.single_valued, TEXT),
            **dict.fromkeys(schema.numeric, NUMBER),
            **dict.fromkeys(schema.multivalued, TEXTS),
            **{name: NUMBER for name in (schema.prediction,) if name},
            **{name: TEXT for name in (schema.version,) if name},
        }


SAMPLES = Form(
    own=((LABEL, NUMBER), (EVENT_TIME, INSTANT), (WEIGHT, NUMBER)),
    features=True,
    check=Checker.canonical,
)
# A label, an event time or a weight may be there and is not looked at.
SCORING = Form(
    own=((LABEL, Any), (EVENT_TIME, Any), (WEIGHT, Any)),
    features=True,
    check=lambda checker, now: checker.scoring(),
)
IMPRESSIONS = Form(
    own=((IMPRESSION, TEXT), (EVENT_TIME, INSTANT), (WEIGHT, NUMBER)),
    features=True,
    check=Checker.impressions,
)
FEEDBACK = Form(
    own=((IMPRESSION, TEXT), (EVENT_TIME, INSTANT), (LABEL, NUMBER)),
    features=False,
    check=Checker.feedback,
)
