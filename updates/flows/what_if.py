"""What if features were admitted or forgotten otherwise? Replayed from the log, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pyarrow as pa
from django.db import transaction

from updates.flows.jobs import AtWork, Outcome, nudge, see_through
from updates.learners import registry
from updates.learners.options import OptionError
from updates.learners.what_if import WhatIfResult, replayed
from updates.models import Recommender, WhatIf
from updates.models.what_if import WhatIfState
from updates.samples.archive import CorruptSegment
from updates.samples.durable import LogUnavailable
from updates.samples.log import LogGap, SampleLog

ADMIT_AFTER, EXPIRE_AFTER = "admit_after", "expire_after"
OPTIONS = (ADMIT_AFTER, EXPIRE_AFTER)
# All settings are held in memory at once.
MOST_SETTINGS = 12
FEWEST_SAMPLES, SAMPLES, MOST_SAMPLES = 100, 200_000, 5_000_000
ADMIT_CHOICES, EXPIRE_CHOICES = (0, 1, 3, 10), (0, 7, 30)
FORESEEN = (CorruptSegment, LogGap, LogUnavailable)


class NotReplayable(RuntimeError):
    """There is nothing to replay, or nothing that could be set; says what is missing."""


class WhatIfError(ValueError):
    """What is asked cannot be; ``field`` is at fault."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


def can_ask(recommender: Recommender) -> bool:
    """Whether its learner has admission and expiry, and predicts what it then learns."""
    if not recommender.component_names:
        return False
    learner = recommender.learner_class
    return learner.sequential and set(OPTIONS) <= {option.name for option in learner.options}


def request_what_if(
    recommender: Recommender,
    *,
    admit_after: Sequence[int] = ADMIT_CHOICES,
    expire_after: Sequence[int] | None = None,
    samples: int = SAMPLES,
    by: Any = None,
) -> WhatIf:
    """Queue a study of all pairs of these settings beside the present one, and tell a worker.

    admit_after : occurrences. expire_after : days, 0 for never; left out, the present one alone.
    samples : so many of the newest. Raises WhatIfUnderWay, NotReplayable, WhatIfError and
    LogUnavailable.
    """
    if not can_ask(recommender):
        raise NotReplayable(f"{recommender.learner} neither admits nor forgets features.")
    resolved = recommender.new_learner().settings
    present = {name: resolved[name] for name in OPTIONS}
    days = [present[EXPIRE_AFTER]] if expire_after is None else expire_after
    pairs = dict.fromkeys([tuple(present.values()), *product(admit_after, days)])
    settings = [dict(zip(OPTIONS, pair, strict=True)) for pair in pairs]
    _check(recommender, resolved, settings)
    last = SampleLog(recommender).head().last_offset
    if last < FEWEST_SAMPLES:
        raise NotReplayable(f"The log has {last:,} samples; it takes {FEWEST_SAMPLES} at least.")
    with transaction.atomic():
        what_if = WhatIf.request(
            recommender,
            by,
            learner_options=resolved,
            settings=settings,
            first_offset=max(1, last - samples + 1),
            last_offset=last,
        )
        transaction.on_commit(lambda: nudge(what_if))
    return what_if


def answer(what_if_id: int) -> None:
    """Take the study and see it through to its outcome; nothing where it was not to be had."""
    what_if = WhatIf.objects.select_related("recommender").filter(pk=what_if_id).first()
    if what_if is not None:
        see_through(what_if, lambda work: _outcome(what_if, work), FORESEEN)


def study(what_if: WhatIf, work: AtWork) -> list[WhatIfResult]:
    """Replay it; the same samples and settings give the same results."""
    recommender = what_if.recommender
    kind, schema = registry.get(recommender.learner), recommender.sample_schema
    learners = [kind(schema, what_if.learner_options | setting) for setting in what_if.settings]
    return replayed(learners, _batches(what_if, work), what_if.total // 2, work.progress)


def _batches(what_if: WhatIf, work: AtWork) -> Iterator[pa.RecordBatch]:
    log, names = SampleLog(what_if.recommender), what_if.recommender.sample_schema.arrow.names
    for batch in log.read(what_if.first_offset, what_if.last_offset + 1):
        yield batch.select(names)
        work.count(batch.num_rows)


def _outcome(what_if: WhatIf, work: AtWork) -> Outcome:
    results = [result.to_json() for result in study(what_if, work)]
    said = f"{len(results)} settings over {work.samples:,} samples, the second half judged."
    return Outcome(WhatIfState.DONE, said, {"results": results})


def _check(
    recommender: Recommender, resolved: dict[str, Any], settings: Sequence[dict[str, int]]
) -> None:
    if not 2 <= len(settings) <= MOST_SETTINGS:
        problem = f"takes 1 to {MOST_SETTINGS - 1} settings beside the present one."
        raise WhatIfError(ADMIT_AFTER, problem)
    for setting in settings:
        try:
            recommender.learner_class.resolve(resolved | setting)
        except OptionError as error:
            problem = f"must be {error.allowed}, got {error.got!r}."
            raise WhatIfError(error.option, problem) from error
