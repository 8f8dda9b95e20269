"""What the section "Sparsity and memory" of a recommender's page shows."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from monitoring.sparsity.memory import memory
from monitoring.sparsity.models import FeatureTurnover
from updates.flows.what_if import can_ask
from updates.models import Recommender

TURNOVERS = 5


def report(recommender: Recommender) -> dict[str, Any]:
    """Components of the live version, memory, and what came and went with the last versions."""
    live = recommender.live_version
    components = live.sparsity.get("components", {}) if live else {}
    return {
        "recommender": recommender,
        "live": live,
        # As pairs: a template that asks a dictionary for its items gets the component so named.
        "components": list(components.items()),
        "memory": memory(recommender),
        "turnovers": turnovers(recommender)[:TURNOVERS],
    }


def turnovers(recommender: Recommender) -> QuerySet[FeatureTurnover]:
    """What came and went, the newest deployment first."""
    of = FeatureTurnover.objects.filter(deployment__recommender=recommender)
    return of.select_related("deployment__version").order_by("-deployment_id")


def what_if(recommender: Recommender) -> dict[str, Any]:
    """The newest study, and whether one may be asked for."""
    newest = recommender.what_ifs.select_related("requested_by").first()
    rows = []
    if newest:
        pairs = zip(newest.settings, newest.results, strict=False)
        rows = [setting | result for setting, result in pairs]
    present = rows[0] if rows else {}
    return {
        "recommender": recommender,
        "what_if": newest,
        "can_ask": can_ask(recommender),
        "rows": [row | _saved(row, present) for row in rows],
    }


def _saved(row: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    """Shares of the present setting's bytes and keys that the setting does without."""
    return {
        f"{name}_share": 1 - row[name] / present[name] if present[name] else None
        for name in ("deployed_bytes", "saved_bytes", "admitted")
    }
