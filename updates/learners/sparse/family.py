"""The algorithms of the sparse family by name, and the options of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from updates.learners.delayed_feedback import DELAYED_FEEDBACK
from updates.learners.options import Option, OptionError, resolve
from updates.learners.sparse.algorithm import Algorithm
from updates.learners.sparse.fobos import FOBOS, FOBOS_PER_COORDINATE
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.rda import RDA, RDA_PER_COORDINATE
from updates.learners.sparse.sgd import SGD, SGD_PER_COORDINATE
from updates.learners.sparse.truncated import TRUNCATED, TRUNCATED_PER_COORDINATE

FORMS: tuple[Algorithm, ...] = (
    FTRL,
    RDA,
    RDA_PER_COORDINATE,
    FOBOS,
    FOBOS_PER_COORDINATE,
    TRUNCATED,
    TRUNCATED_PER_COORDINATE,
    SGD,
    SGD_PER_COORDINATE,
)
OPTIONS_OF = {form.name: form.options for form in FORMS}
ALGORITHM = Option("algorithm", FTRL.name, "How weights are learned.", choices=tuple(OPTIONS_OF))
# Settings that between them need every form.
VARIANTS: tuple[dict[str, Any], ...] = tuple(
    {"algorithm": form.name, **({"rate": form.rate} if form is not FTRL else {})} for form in FORMS
)


def form_of(settings: Mapping[str, Any]) -> Algorithm:
    """The algorithm that resolved settings name, in the form for their rate."""
    forms = [form for form in FORMS if form.name == settings["algorithm"]]
    return next(form for form in forms if settings.get("rate", form.rate) == form.rate)


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the algorithm given, with its own defaults. Raises OptionError.

    So it does for an option of another algorithm: it would be without effect.
    """
    name = ALGORITHM.check(given.get(ALGORITHM.name, ALGORITHM.default))
    own = {option.name for option in OPTIONS_OF[name]}
    for option in given.keys() & _owners().keys() - own:
        owners = ", ".join(_owners()[option])
        raise OptionError(option, f"left out with {name}: it is of {owners}", given[option])
    return resolve((ALGORITHM, *OPTIONS_OF[name], DELAYED_FEEDBACK), given)


def listed() -> tuple[Option, ...]:
    """The options of all algorithms, each once, saying whose they are and with what defaults."""
    own = (_listed(owners) for owners in _owners().values())
    return (ALGORITHM, *own, DELAYED_FEEDBACK)


def _owners() -> dict[str, dict[str, Option]]:
    """Each option's name, with the algorithms that have it."""
    owners: dict[str, dict[str, Option]] = {}
    for algorithm, options in OPTIONS_OF.items():
        for option in options:
            owners.setdefault(option.name, {})[algorithm] = option
    return owners


def _listed(owners: Mapping[str, Option]) -> Option:
    first = next(iter(owners.values()))
    whose = [
        owner if option.default == first.default else f"{owner} (default {option.default:g})"
        for owner, option in owners.items()
    ]
    return replace(
        first,
        help=f"{first.help} Of {', '.join(whose)}.",
        minimum=min(option.minimum for option in owners.values()),
        maximum=max(option.maximum for option in owners.values()),
    )
