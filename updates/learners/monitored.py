"""A model that recadmin neither trains nor serves: its team logs what it predicted.

Versions are reported when they are made; see docs/monitor-only.md.
"""

from __future__ import annotations

from updates.learners.delayed_feedback import DELAYED_FEEDBACK
from updates.learners.elsewhere import Elsewhere


class Monitored(Elsewhere):
    """Nothing here updates it. What was predicted is logged with the samples, so that a label which
    comes late corrects nothing but the measures: every ``delayed_feedback`` suits it."""

    name = "monitored"
    updated_here = False
    options = (DELAYED_FEEDBACK,)
