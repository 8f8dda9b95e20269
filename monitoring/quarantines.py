"""Quarantines of a recommender, as its page shows them."""

from __future__ import annotations

from typing import Any

from updates.models import Quarantine, Recommender
from updates.models.quarantine import State

SHOWN = 20
WORDS = {
    "event_time_from": "event time from {}",
    "event_time_to": "event time before {}",
    "arrived_from": "arrived from {}",
    "arrived_to": "arrived before {}",
    "first_offset": "from offset {}",
    "last_offset": "to offset {}",
    "batch_prefix": "Batch-Id {}…",
}


def quarantines(recommender: Recommender) -> dict[str, Any]:
    """The newest of the log that it learns, each with how far it is; whether one is under way."""
    theirs = Quarantine.objects.filter(recommender=recommender.log_owner_id)
    rows = [_row(each) for each in theirs.select_related("created_by", "lifted_by")[:SHOWN]]
    return {"rows": rows, "at_work": any(row["at_work"] for row in rows)}


def _row(quarantine: Quarantine) -> dict[str, Any]:
    state = quarantine.state
    return {
        "quarantine": quarantine,
        "state": state,
        "at_work": state in (State.MARKED, State.REPLAYING),
        "failed": state == State.FAILED,
        "run": quarantine.rebuild,
        "selected": selected(quarantine),
    }


def selected(quarantine: Quarantine) -> str:
    """What was asked for, in words."""
    said = quarantine.selection
    if quarantine.erases:
        return "all of a user"
    words = [WORDS[name].format(value) for name, value in said.items() if name in WORDS]
    words += [f"{name} = {value}" for name, value in said.get("where", {}).items()]
    return ", ".join(words)
