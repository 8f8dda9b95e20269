"""Which points a request asks for: of which series, and from when to when."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from monitoring import metrics, series
from updates.models import Recommender, UpdatePolicy

DEFAULT_SPAN = timedelta(hours=24)


def span(wanted: dict[str, Any]) -> tuple[datetime, datetime]:
    """From and to, as asked or the last 24 hours; raises ValidationError."""
    end = wanted.setdefault("to", timezone.now())
    start = wanted.setdefault("from", end - DEFAULT_SPAN)
    if start >= end:
        raise serializers.ValidationError({"from": f"Must be before to ({end.isoformat()})."})
    return start, end


def points(recommender: Recommender, name: str, wanted: dict[str, Any]) -> list[tuple[int, float]]:
    """Those of the series that the label names; raises ValidationError."""
    start, end = span(wanted)
    label, of = wanted.get("label", ""), {}
    match metrics.metric(name).kept_by:
        case metrics.KeptBy.COMPONENT:
            of["part"] = _known_component(recommender, label)
        case metrics.KeptBy.SLICE:
            of["part"] = _known_slice(recommender, label)
        case metrics.KeptBy.FEATURE:
            of["part"] = _known_feature(recommender, label)
        case _:
            of["policy"] = _policy(recommender, label)
    return series.read(
        recommender,
        name,
        start,
        end,
        points=wanted["points"],
        finest_seconds=wanted["resolution_seconds"],
        **of,
    )


def _known_component(recommender: Recommender, name: str) -> str:
    known = recommender.learner_class.components
    if name not in known:
        problem = f"Must name a component: {', '.join(known)}."
        raise serializers.ValidationError({"label": problem})
    return name


def _known_slice(recommender: Recommender, name: str) -> str:
    known = [each.name for each in recommender.traffic_slices]
    if name and name not in known:
        problem = f"Must name a slice: {', '.join(known)}." if known else "There are no slices."
        raise serializers.ValidationError({"label": problem})
    return name


def _known_feature(recommender: Recommender, name: str) -> str:
    known = sorted(recommender.sample_schema.fields)
    if name not in known:
        raise serializers.ValidationError({"label": f"Must name a feature: {', '.join(known)}."})
    return name


def _policy(recommender: Recommender, name: str) -> UpdatePolicy | None:
    found = recommender.policies.filter(name=name).first() if name else None
    if name and found is None:
        raise serializers.ValidationError({"label": f"There is no policy “{name}”."})
    return found
