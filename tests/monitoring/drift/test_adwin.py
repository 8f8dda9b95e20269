"""Our ADWIN cuts where River's does, and goes on from its kept state."""

import json

import numpy as np
import pytest
from river.drift import ADWIN

from monitoring.drift.adwin import Adwin


def stream(seed):
    rng = np.random.default_rng(seed)
    means = [0.2, 0.5, 0.8, 0.4, 0.7, 0.3]
    return np.concatenate([rng.uniform(size=1_500) < mean for mean in means]).astype(float)


def first_cuts(update):
    """After how many samples each of the changes was first answered by a cut."""
    cuts = np.array([place for place, value in enumerate(stream(3).tolist()) if update(value)])
    return [cuts[cuts >= change].min() - change for change in range(1_500, 9_000, 1_500)]


def test_it_sees_every_change_about_as_soon_as_the_one_of_river():
    """River leaves out the newest bucket of each size when it splits, so that the two may look
    at a change a little earlier or later: by two looks, each after 32 samples, at most."""
    ours, theirs = Adwin(), ADWIN()

    def update_ours(value):
        before = ours.changes
        ours.update([value])
        return ours.changes > before

    def update_theirs(value):
        theirs.update(value)
        return theirs.drift_detected

    mine, rivers = first_cuts(update_ours), first_cuts(update_theirs)
    assert all(abs(a - b) <= 64 for a, b in zip(mine, rivers, strict=True)), (mine, rivers)
    assert ours.total / ours.width == pytest.approx(0.3, abs=0.05)


def test_a_stream_without_change_is_hardly_ever_cut():
    cuts = 0
    for seed in range(20):
        adwin = Adwin()
        adwin.update(np.random.default_rng(seed).binomial(1, 0.2, 5_000).astype(float).tolist())
        cuts += adwin.changes
    assert cuts <= 2


def test_it_goes_on_from_its_state_as_if_it_had_not_stopped():
    values = stream(9).tolist()
    whole, half = Adwin(), Adwin()
    whole.update(values)
    half.update(values[:4_321])
    again = Adwin.from_json(json.loads(json.dumps(half.to_json())))
    again.update(values[4_321:])
    assert again.to_json() == whole.to_json()


def test_it_says_which_way_the_mean_has_moved():
    rng = np.random.default_rng(0)
    adwin = Adwin()
    assert adwin.update(rng.uniform(0, 0.4, 2_000).tolist()) == 0
    assert adwin.update(rng.uniform(0.4, 0.8, 2_000).tolist()) == 1
    assert adwin.update(rng.uniform(0, 0.4, 2_000).tolist()) == -1
