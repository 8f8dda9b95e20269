"""The receipt of a cadence change: what will fire when, before and after it."""

from datetime import datetime
from itertools import zip_longest

from django.template.loader import render_to_string

from updates import words
from updates.admin.shown import moment
from updates.models import CadenceChange


def receipt_table(change: CadenceChange) -> str:
    """The receipt as HTML."""
    rows = zip_longest(_moments(change.fires_before), _moments(change.fires_after), fillvalue="–")
    claimed = change.claimed_due_at
    context = {
        "policy": change.policy,
        "before": words.cadence_from_json(change.before),
        "after": words.cadence_from_json(change.after),
        "rows": list(rows),
        "claimed": moment(claimed),
        "claimed_run": change.policy.runs.filter(due_at=claimed).first() if claimed else None,
    }
    return render_to_string("admin/updates/receipt.html", context)


def _moments(fires: list[str | datetime]) -> list[str]:
    # As made they are times, as stored they are text.
    return [moment(datetime.fromisoformat(f) if isinstance(f, str) else f) for f in fires]
