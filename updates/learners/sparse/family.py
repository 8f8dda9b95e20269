"""The algorithms of the sparse family by name, and the options of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from updates.learners.delayed_feedback import DELAYED_FEEDBACK
from updates.learners.negative_sampling import NEGATIVE_SAMPLING
from updates.learners.options import Option, OptionError, resolve
from updates.learners.sparse.algorithm import WEIGHTS, Algorithm
from updates.learners.sparse.fobos import FOBOS, FOBOS_PER_COORDINATE
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.keeping import Keeping
from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.precision import FLOAT64, PRECISIONS
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
PRECISION = Option(
    "serving_precision",
    FLOAT64,
    "Bits of a weight in the files and deltas that serving loads: fewer are rounded at random, and "
    "what that costs in log loss is measured for each version. Of ftrl and sgd.",
    choices=PRECISIONS,
)
# Of all algorithms.
SHARED = (
    DELAYED_FEEDBACK,
    NEGATIVE_SAMPLING,
    Option(
        "admit_after",
        0,
        "A feature gets a weight once it has been met more than this many times, by a counting "
        "sketch of fixed size: rare features cost no memory. 0 admits all.",
        0,
        250,
    ),
    Option(
        "admit_probability",
        1.0,
        "Chance of a new feature to get a weight each time it is met (Poisson inclusion). 1 admits "
        "all; with admit_after, from the occurrence on that this would admit.",
        1e-4,
        1.0,
    ),
    Option(
        "expire_after",
        0,
        "Features without a sample for so many days, by event time, are removed within another "
        "day, and their memory is used again. 0 keeps all.",
        0,
        3650,
    ),
    PRECISION,
)
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
    settings = resolve((ALGORITHM, *OPTIONS_OF[name], *SHARED), given)
    if settings[PRECISION.name] != FLOAT64 and form_of(settings).deployed != WEIGHTS:
        allowed = f"{FLOAT64} with {name}: what is deployed of it are not weights alone"
        raise OptionError(PRECISION.name, allowed, settings[PRECISION.name])
    return settings


def model_of(settings: Mapping[str, Any]) -> SparseModel:
    """An empty model by resolved settings."""
    algorithm = form_of(settings)
    return SparseModel(algorithm, algorithm.configure(settings), keeping=Keeping.of(settings))


def listed() -> tuple[Option, ...]:
    """The options of all algorithms, each once, saying whose they are and with what defaults."""
    own = (_listed(owners) for owners in _owners().values())
    return (ALGORITHM, *own, *SHARED)


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
