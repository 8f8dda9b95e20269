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
    context: dict[str, Any] = {
        "recommender": version.recommender,
        "version": version,
        "others": _others(version),
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


def _others(version: ModelVersion) -> list[int]:
    """Numbers of the versions near this one that still have their files, the newest first."""
    numbers = version.recommender.versions.filter(pruned_at=None).order_by("-number")
    near = [
        number for number in numbers.values_list("number", flat=True) if number != version.number
    ]
    return sorted(sorted(near, key=lambda n: abs(n - version.number))[:NEIGHBOURS], reverse=True)


def _with_bars(movers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with the length of its bar, in percent of the longest."""
    rows = list(movers)
    longest = max((row["effect"] for row in rows), default=0) or 1
    return [row | {"bar": round(100 * row["effect"] / longest, 1)} for row in rows]
