"""The alert of models that outgrow their memory limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from monitoring.alerts.kinds import KINDS, Condition
from monitoring.sparsity.memory import ALERT_BEFORE, LimitState, Memory, memory
from monitoring.templatetags.formats import byte_count
from updates.models import Recommender


def limit_conditions(recommenders: Iterable[Recommender], now: datetime) -> Iterator[Condition]:
    """Of those that have a limit, one query each."""
    for recommender in recommenders:
        if recommender.memory_limit_bytes is None:
            continue
        found = memory(recommender)
        if found.alarming(now):
            yield Condition(
                recommender.pk,
                KINDS["memory-limit"],
                "",
                now,
                _summary(found),
                f"at most {byte_count(found.limit)}, and not reached for {ALERT_BEFORE.days} days",
            )


def _summary(found: Memory) -> str:
    present = byte_count(found.sizes[-1].bytes)
    if found.state == LimitState.EXCEEDED:
        return f"The live model takes {present} of {byte_count(found.limit)}."
    at = f"{found.reached_at:%Y-%m-%d %H:%M} UTC"
    return f"The live model takes {present}; it reaches {byte_count(found.limit)} on {at}."
