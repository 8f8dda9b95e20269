"""A recommender that learns by wide_deep: updated by every strategy, served as it was learned."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import bytes_of, learned_and_served
from updates.flows.prove import prove, request_proof
from updates.learners.wide_deep.files import EMBEDDINGS
from updates.learners.wide_deep.pretrained import arrays_of
from updates.learners.wide_deep.store import FILES
from updates.store import artifacts


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    """With 1,000 samples, which fill 62 mini-batches and a half."""
    options = {"mini_batch": 16, "hidden": "8,4"}
    recommender = make_recommender(learner="wide_deep", learner_options=options)
    append(recommender, 1000)
    return recommender


@pytest.fixture
def pretrained(recommender, tmp_path, monkeypatch):
    """Its option says that embeddings begin at a file of two vectors, ``never`` and ``i1``."""
    monkeypatch.setattr(FILES, "folder", tmp_path / "vectors")
    vectors = arrays_of({"item": (["never", "i1"], np.ones((2, 8)))})
    recommender.learner_options |= {"pretrained": FILES.put(save(vectors))}
    recommender.save()
    return recommender


def test_versions_begin_at_pretrained_vectors_and_can_be_learned_again(pretrained, update):
    run = update(pretrained, "full")
    assert run.state == "promoted", run.error
    saved = load_file(artifacts().folder(run.result_version.digest) / EMBEDDINGS)
    assert saved["vectors"][0].tolist() == [1.0] * 8 != saved["vectors"][1].tolist()
    proof = request_proof(run.result_version)
    prove(proof.pk)
    proof.refresh_from_db()
    assert proof.state == "equal", proof.outcome


def test_an_update_without_its_file_of_vectors_says_which_is_missing(pretrained, update):
    shutil.rmtree(FILES.folder)
    run = update(pretrained, "full")
    assert run.state == "failed"
    assert f"there are no vectors {pretrained.learner_options['pretrained']}" in run.error


def test_full_then_incremental_equals_one_full_update(recommender, live, append, update):
    append(recommender, 53)
    incremental = update(recommender, "incremental")
    assert incremental.state == "promoted", incremental.error
    whole = update(recommender, "full").result_version
    assert bytes_of(incremental.result_version.digest) == bytes_of(whole.digest)


def test_an_online_session_keeps_and_serves_what_was_learned(
    recommender, live, append, make_batch, valkey, tmp_path
):
    expected, serving = learned_and_served(recommender, live, append, valkey, tmp_path)
    rows = make_batch(learnable_rows(50, 2000))
    assert np.array_equal(serving.predict(rows), expected.predict(rows))
