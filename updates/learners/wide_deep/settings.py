"""Options of ``wide_deep``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from updates.learners.options import Option, OptionError, resolve
from updates.learners.sparse.family import SHARED
from updates.learners.sparse.ftrl import FTRL
from updates.learners.wide_deep.store import DIGEST

MOST_UNITS = 4096
HIDDEN = Option("hidden", "64,32", "Units of the network's hidden layers, separated by commas.")
PRETRAINED = Option(
    "pretrained",
    "",
    "Vectors that the embeddings begin at whenever they begin anew: the digest of a file that was "
    "handed in by import_vectors. Left out, all begin at the mean of their field.",
)
MEMORY_NAMES = {"admit_after", "admit_probability", "expire_after"}
MEMORY = tuple(option for option in SHARED if option.name in MEMORY_NAMES)
OPTIONS = (
    Option("embedding_dim", 8, "Numbers in each vector.", 1, 1024),
    HIDDEN,
    Option("mini_batch", 256, "Samples that the deep part learns together.", 1, 65_536),
    Option("embedding_rate", 0.05, "Learning rate of the vectors (Adagrad).", 1e-6, 10.0),
    Option("upper_rate", 0.001, "Learning rate of the network (Adam).", 1e-6, 1.0),
    PRETRAINED,
    Option("seed", 1, "Draws the first weights of the deep part.", 0, 2**31 - 1),
    *(replace(option, help=f"Wide part: {option.help}") for option in FTRL.options),
    *(replace(option, help=f"Wide part and vectors: {option.help}") for option in MEMORY),
)


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings. Raises OptionError."""
    settings = resolve(OPTIONS, given)
    hidden_units(settings)
    if (digest := settings[PRETRAINED.name]) and not DIGEST.fullmatch(digest):
        raise OptionError(PRETRAINED.name, "the digest that import_vectors printed", digest)
    return settings


def hidden_units(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Units of each hidden layer. Raises OptionError."""
    written: str = settings[HIDDEN.name]
    parts = [part.strip() for part in written.split(",")]
    if all(part.isdecimal() and 1 <= int(part) <= MOST_UNITS for part in parts):
        return tuple(int(part) for part in parts)
    raise OptionError(HIDDEN.name, f"whole numbers from 1 to {MOST_UNITS} like 64,32", written)
