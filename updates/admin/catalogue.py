"""The learners that are installed, with their options, as help beside the form."""

import json
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from updates.learners import registry
from updates.learners.base import Learner


@dataclass(frozen=True)
class Entry:
    """A learner by name; without its class where its package cannot be imported."""

    name: str
    learner: type[Learner] | None
    problem: str = ""

    @property
    def options(self) -> list[dict[str, Any]]:
        """Name, allowed values, default and meaning of each option."""
        return [
            {
                "name": option.name,
                "allowed": option.allowed,
                "default": _as_json(option.default),
                "help": option.help,
            }
            for option in (self.learner.options if self.learner else ())
        ]


def entries() -> list[Entry]:
    """Every registered learner; one that cannot be imported hides no other."""
    return [_entry(name) for name in registry.names()]


def options_help() -> str:
    """All learners' options as HTML."""
    return render_to_string("admin/updates/recommender/options.html", {"entries": entries()})


def _entry(name: str) -> Entry:
    try:
        return Entry(name, registry.get(name))
    except (ImportError, AttributeError) as error:
        return Entry(name, None, str(error))


def _as_json(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
