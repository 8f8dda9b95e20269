"""Which features came, went and came back between two models, by their keys. No Django.

A feature lives in a model as long as it has a weight other than zero there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# So many dead are remembered, those that died last: 8 MiB of keys. What died before is forgotten,
# and counts as born when it comes again.
MOST_DEAD = 1 << 20


@dataclass(frozen=True)
class Turnover:
    """Distinct keys, ascending, of features that a model has and the one before had not, and of
    those that it has no more.

    reborn : of those that came, the ones that had died earlier; born : the others.
    """

    born: np.ndarray
    died: np.ndarray
    reborn: np.ndarray


def compare(before: np.ndarray, now: np.ndarray, dead: np.ndarray) -> Turnover:
    """Of distinct uint64 keys that lived in the model before, live in this one, and are remembered
    as dead; exact."""
    came = np.setdiff1d(now, before, assume_unique=True)
    returned = np.isin(came, dead, assume_unique=True)
    died = np.setdiff1d(before, now, assume_unique=True)
    return Turnover(np.sort(came[~returned]), np.sort(died), np.sort(came[returned]))


def remembered(dead: np.ndarray, moved: Turnover, most: int = MOST_DEAD) -> np.ndarray:
    """(m,) keys of the dead after that, in the order in which they died, at most so many."""
    still = dead[~np.isin(dead, moved.reborn, assume_unique=True)]
    return np.concatenate([still, moved.died])[-most:]


def heaviest(keys: np.ndarray, weights: np.ndarray, chosen: np.ndarray, most: int) -> np.ndarray:
    """Places in ``keys`` of those of the chosen with the largest magnitudes, the largest first;
    equal ones in the order of ``keys``."""
    places = np.flatnonzero(np.isin(keys, chosen, assume_unique=True))
    order = np.argsort(-np.abs(weights[places]), kind="stable")
    found: np.ndarray = places[order[:most]]
    return found
