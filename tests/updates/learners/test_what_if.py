"""Settings of admission and expiry, replayed side by side."""

import numpy as np
import pytest

from tests.conftest import SCHEMA
from tests.updates.flows.conftest import learnable_rows
from updates.learners.base import LearnReport
from updates.learners.sparse.linear import SparseLinear
from updates.learners.what_if import replayed
from updates.metrics import losses, quality
from updates.samples.schema import LABEL

SETTINGS = [{"admit_after": 0}, {"admit_after": 3}, {"admit_after": 0, "expire_after": 1}]


def learners():
    return [SparseLinear(SCHEMA, {"alpha": 0.5} | setting) for setting in SETTINGS]


@pytest.fixture
def batches(make_batch):
    rows = learnable_rows(600)
    return [make_batch(rows[start : start + 200]) for start in range(0, 600, 200)]


@pytest.mark.parametrize("i", range(len(SETTINGS)))
def test_each_setting_comes_out_as_when_it_is_run_alone(batches, i, tmp_path):
    found = replayed(learners(), batches, 300)[i]
    alone = learners()[i]
    made = np.concatenate([alone.learn(batch).predictions for batch in batches])[300:]
    labels = np.concatenate([batch.column(LABEL).to_numpy() for batch in batches])[300:]
    assert (found.samples, found.ne) == (300, pytest.approx(quality(labels, made).ne, abs=0))
    sparsity = alone.sparsity()
    assert (found.seen, found.admitted, found.non_zero, found.deployed_bytes) == (
        sparsity.seen,
        sparsity.admitted,
        sparsity.non_zero,
        sparsity.deployed_bytes,
    )
    folder = tmp_path / "alone"
    folder.mkdir()
    alone.save(folder)
    assert found.saved_bytes == sum(file.stat().st_size for file in folder.iterdir())


def test_what_a_setting_costs_has_the_interval_of_the_paired_differences(batches):
    present, other = replayed(learners(), batches, 300)[:2]
    assert (present.ne_increase, present.low, present.high) == (0, 0, 0)
    one, two = (
        np.concatenate([learner.learn(batch).predictions for batch in batches])[300:]
        for learner in learners()[:2]
    )
    labels = np.concatenate([batch.column(LABEL).to_numpy() for batch in batches])[300:]
    differences = losses(labels, two) - losses(labels, one)
    unit = quality(labels, two).log_loss / quality(labels, two).ne
    half = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences)) / unit
    assert other.ne_increase == pytest.approx(differences.mean() / unit)
    assert (other.low, other.high) == (
        pytest.approx(other.ne_increase - half),
        pytest.approx(other.ne_increase + half),
    )
    assert other.admitted < present.admitted


def test_a_learner_that_predicts_nothing_is_refused(batches, monkeypatch):
    silent = learners()[0]
    monkeypatch.setattr(silent, "learn", lambda batch, progress: LearnReport(batch.num_rows))
    with pytest.raises(ValueError, match="sparse_linear does not predict"):
        replayed([silent], batches, 300)


def test_where_all_labels_are_alike_no_price_is_told(make_batch):
    rows = [row | {"label": 0} for row in learnable_rows(60)]
    found = replayed(learners(), [make_batch(rows)], 30)[1]
    assert (found.ne, found.ne_increase, found.low, found.high) == (None, None, None, None)
