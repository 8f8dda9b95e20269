"""The fields of a recommender and of a policy, grouped by what they are for."""

import json
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse

from updates.admin.policy_form import CADENCE_FIELDS, GOES_WITH
from updates.models import Recommender, UpdatePolicy
from updates.models.policy import CLIENT_FIELDS, ONLINE_CADENCE
from updates.models.policy_guardrails import GUARDRAILS

DATA_HELP = (
    "Which samples an update learns. The window belongs to strategies full and local, the replay "
    "fraction to strategy incremental."
)
ONLINE_HELP = (
    "How often an online session sends what it has learned to serving, keeps it safe, and makes a "
    "version of it. A change is in force within a second."
)
CLIENT_HELP = (
    "What users' devices are told: how often they send, what leaves them, and what the app is to "
    "say of it. Devices hear of a change with their next request."
)
GUARDRAILS_HELP = (
    "A candidate that breaks one of these is not promoted: it is kept as rejected, with the reason."
)
CANARY = ["canary_seconds", "canary_share"]
CANARY_HELP = (
    "Whether a candidate that breaks none of them first serves on trial. Belongs to strategies "
    "full, incremental and local."
)
JOINING = [
    "delayed_feedback",
    "negative_sampling_rate",
    "join_window_seconds",
    "feedback_horizon_seconds",
    "early_feedback_seconds",
]


def recommender_fieldsets(recommender: Recommender | None) -> list[tuple[str | None, Any]]:
    """Objectives of components once it is known that its learner has several."""
    objectives = [
        "freshness_objective_seconds",
        "grace_seconds",
        "freshness_slo",
        "when_stale",
        "fallback",
    ]
    if recommender and len(recommender.component_names) > 1:
        objectives.append("component_objectives")
    objectives += ["when_stale", "fallback", "feature_objective_seconds"]
    return [
        (None, {"fields": ["name", "slug", "tags"]}),
        ("Samples", {"fields": ["schema", "challenges"]}),
        ("Model", {"fields": ["learner", "learner_options"]}),
        ("Freshness", {"fields": objectives}),
        ("Slices", {"fields": ["slices"]}),
        ("Joining impressions with their feedback", {"fields": JOINING}),
        ("Keeping", {"fields": ["keep_versions", "memory_limit_bytes"]}),
    ]


def policy_fieldsets(policy: UpdatePolicy | None, *, editable: bool) -> list[tuple[str, Any]]:
    """What, when, from which data, under which guardrails; for a stored one also how it stands."""
    when = [*CADENCE_FIELDS, "enabled"]
    groups = [
        ("What", {"fields": ["recommender", "name", "strategy", "components"]}),
        ("When", {"fields": when, "description": _when_help(policy, editable)}),
        ("Online", {"fields": ONLINE_CADENCE, "description": ONLINE_HELP}),
        ("Devices", {"fields": CLIENT_FIELDS, "description": CLIENT_HELP}),
        (
            "From which data",
            {"fields": ["window_seconds", "replay_fraction"], "description": DATA_HELP},
        ),
        ("Guardrails", {"fields": GUARDRAILS, "description": GUARDRAILS_HELP}),
        ("Canary", {"fields": CANARY, "description": CANARY_HELP}),
    ]
    if policy:
        stands = ["state", "next_due_at", "last_due_at", "skipped_fires"]
        groups.append(("How it stands", {"fields": stands}))
    return groups


def _when_help(policy: UpdatePolicy | None, editable: bool) -> str:
    name = "admin:updates_updatepolicy_preview"
    address = reverse(f"{name}_of", args=[policy.pk]) if policy else reverse(name)
    context = {"address": address, "goes_with": json.dumps(GOES_WITH), "editable": editable}
    return render_to_string("admin/updates/updatepolicy/when.html", context)
