"""The feed's eight recommenders in this installation, simulated time turned into real time."""

from typing import Any

from recadmin.demo.set_up import set_up
from updates.models import Recommender
from updates.simulation.fleet import FLEET, JOIN_MINUTES, Entry, Plan
from updates.simulation.rows import SCHEMA

# A simulated day passes in two minutes, an hour in five seconds, a week in a quarter of an hour.
SPEED = 720
GRACE_HOURS = 1.0


HOUR_SECONDS = 3_600 // SPEED


def seconds(hours: float) -> int:
    """So long simulated hours last, in whole real seconds, at least one."""
    return max(1, round(hours * 3_600 / SPEED))


def set_up_feed() -> list[Recommender]:
    """The recommenders, in the order of the fleet, where they are not there yet."""
    return [set_up(entry.slug, _about(entry), map(_policy, entry.plans)) for entry in FLEET]


def _about(entry: Entry) -> dict[str, Any]:
    objectives = {name: seconds(hours) for name, hours in entry.component_hours.items()}
    return {
        "name": f"News feed: {entry.title}",
        "tags": ["feed"],
        "learner": entry.learner,
        "learner_options": dict(entry.options),
        "schema": SCHEMA.to_json(),
        "freshness_objective_seconds": seconds(entry.objective_hours),
        "component_objectives": objectives,
        "grace_seconds": seconds(GRACE_HOURS),
        "join_window_seconds": seconds(JOIN_MINUTES / 60),
        "feedback_horizon_seconds": 10 * seconds(JOIN_MINUTES / 60),
        "keep_versions": 20,
    }


def _policy(plan: Plan) -> dict[str, Any]:
    about: dict[str, Any] = {"name": plan.name, "strategy": plan.strategy}
    if plan.components:
        about["components"] = list(plan.components)
    if plan.every_hours:
        about |= {"trigger": "interval", "interval_seconds": seconds(plan.every_hours)}
    if plan.window_hours:
        about["window_seconds"] = seconds(plan.window_hours)
    if plan.strategy == "online":
        about["version_every_minutes"] = 1.0
    if plan.strategy == "client":
        about["refresh_seconds"] = 5
        about["privacy_note"] = "The users of this feed are simulated."
    return about
