"""Options of ``factors``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from updates.learners.options import Option

LOGISTIC, BPR = "logistic", "bpr"
ADAGRAD, SGD = "adagrad", "sgd"
REMEMBER = "remember"
OPTIONS = (
    Option("dim", 16, "Numbers in each vector.", 1, 1024),
    Option(
        "loss",
        LOGISTIC,
        "What is learned: whether a sample's label is 1 (logistic), or to rank its item above one "
        "drawn at random (bpr).",
        choices=(LOGISTIC, BPR),
    ),
    Option("epochs", 1, "Passes of a full update over its samples.", 1, 1000),
    Option("optimiser", ADAGRAD, "How items learn.", choices=(ADAGRAD, SGD)),
    Option("item_rate", 0.2, "Learning rate of items.", 1e-6, 10.0),
    Option("user_rate", 0.2, "Learning rate of users, on the server and on devices.", 1e-6, 10.0),
    Option("l2", 0.01, "Pull of all vectors and biases towards 0.", 0.0, 10.0),
    Option("seed", 1, "Draws the first vectors of items, and negatives.", 0, 2**31 - 1),
    Option(
        REMEMBER,
        10_000_000,
        "Newest interactions kept, so that users are not recommended what they have met: 16 bytes "
        "of memory and 12 on disk each.",
        0,
        1_000_000_000,
    ),
)


def of_space(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The resolved settings that decide where vectors lie, by name."""
    return sorted((name, value) for name, value in settings.items() if name != REMEMBER)


class Steps(NamedTuple):
    """What kernels need to know of the settings, and which components learn."""

    bpr: bool
    adagrad: bool
    item_rate: float
    user_rate: float
    l2: float
    seed: int
    users: bool
    items: bool

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, users: bool, items: bool) -> Steps:
        """Out of resolved settings."""
        return cls(
            settings["loss"] == BPR,
            settings["optimiser"] == ADAGRAD,
            settings["item_rate"],
            settings["user_rate"],
            settings["l2"],
            settings["seed"],
            users,
            items,
        )
