"""What a version learned, for its page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from updates.flows.explain import NotExplainable, explanation_of
from updates.models import ModelVersion

# So many versions before and after are offered to be held against.
NEIGHBOURS = 20


def explanation(version: ModelVersion, against: ModelVersion | None) -> dict[str, Any]:
    """The section's context: the explanation, or why there is none."""
    against = against or version.parent
    context: dict[str, Any] = {
        "recommender": version.recommender,
        "version": version,
        "against": against,
        "others": _others(version, against),
    }
    try:
        found = explanation_of(version, against)
    except NotExplainable as reason:
        return context | {"refusal": str(reason)}
    content = found.content
    return context | {
        "explanation": found,
        "told": content,
        "movers": _with_bars(content.get("movers", ())),
    }


def _others(version: ModelVersion, against: ModelVersion | None) -> list[int]:
    """Numbers to choose from, the newest first: of the versions near this one that have their
    files, where it has its own, and the one that it is held against in any case."""
    if against is None:
        return []
    if version.pruned_at:
        return [against.number]
    numbers = version.recommender.versions.filter(pruned_at=None).order_by("-number")
    near = [
        number for number in numbers.values_list("number", flat=True) if number != version.number
    ]
    nearest = sorted(near, key=lambda n: abs(n - version.number))[:NEIGHBOURS]
    return sorted({*nearest, against.number}, reverse=True)


def _with_bars(movers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with the length of its bar, in percent of the longest."""
    rows = list(movers)
    longest = max((row["effect"] for row in rows), default=0) or 1
    return [row | {"bar": round(100 * row["effect"] / longest, 1)} for row in rows]
