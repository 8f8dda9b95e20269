"""Strategy client: a user's vector, refreshed on devices, agrees with what the server learns.

Interactions are the truth and vectors are made of them. The vector in force is what training knows
of the user, and what devices have sent since, learned on top of that as they do. So devices that
differ come to the same vector, a newer model takes over what it has not learned, in whatever space
it is, and nothing counts twice: what training has learned is no longer learned on top.

Where devices keep the interactions to themselves there is only the vector that they send, which is
in force within its space.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from updates.learners.device import DeviceSide, Interaction, UserVector

# How far what was sent may lie from what the server makes of the same interactions, as a share of
# how far they can lead at all: items that a device has fetched may be some updates old.
DRIFT = 0.5
ROUNDING = 1e-3


class ImplausibleVector(ValueError):
    """No interactions lead to that vector; ``kind`` says in a word why."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind


class Replayed(NamedTuple):
    """user : after the interactions. probabilities : (n,) that it gave each before learning it."""

    user: UserVector
    probabilities: np.ndarray


def replay(side: DeviceSide, user: UserVector, interactions: Sequence[Interaction]) -> Replayed:
    """Learn what training has not, in the order of the log, while items stand still."""
    way = side.steps(user, interactions)
    found = [
        side.probabilities(before, [one])
        for before, one in zip(way[:-1], interactions, strict=True)
    ]
    return Replayed(way[-1], np.concatenate([np.empty(0), *found]))


def check_shape(side: DeviceSide, user: UserVector) -> None:
    """Raises ImplausibleVector where it is no vector of that model at all."""
    dim = int(side.learning["dim"])
    if user.vector.shape != (dim,):
        problem = f"must have {dim} numbers, got {len(user.vector)}"
        raise ImplausibleVector("wrong-dimension", problem)
    if not (np.isfinite(user.vector).all() and np.isfinite(user.bias)):
        raise ImplausibleVector("not-finite", "must hold finite numbers only")
    if user.norm > side.longest * 1.01 + ROUNDING:
        problem = f"has norm {user.norm:.4g}; no interactions lead beyond {side.longest:.4g}"
        raise ImplausibleVector("huge-norm", problem)


def check_explained(
    side: DeviceSide, sent: UserVector, made: UserVector, interactions: Sequence[Interaction]
) -> None:
    """Raises ImplausibleVector where the interactions do not explain what was sent.

    made : what the server makes of them, from the same beginning.
    """
    apart = sent.distance(made)
    most = ROUNDING + DRIFT * side.reach(made, interactions)
    if apart > most:
        raise ImplausibleVector(
            "unexplained-jump",
            f"is {apart:.4g} away from what its {len(interactions)} interactions lead to; at most "
            f"{most:.4g} is explained by items that have moved",
        )


def check_steps(side: DeviceSide, sent: UserVector, begun: UserVector, steps: int) -> None:
    """Raises ImplausibleVector where so many interactions, whatever they were, do not lead from the
    one to the other."""
    apart, most = sent.distance(begun), ROUNDING + side.furthest(begun, steps)
    if apart > most:
        raise ImplausibleVector(
            "unexplained-jump",
            f"is {apart:.4g} away from where it began; {steps} steps lead {most:.4g} at most",
        )
