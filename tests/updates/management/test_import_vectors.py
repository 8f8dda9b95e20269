"""``manage.py import_vectors``: vectors that fit are kept by their digest, others refused."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from safetensors.numpy import save_file

from tests.updates.flows.conftest import append, update  # noqa: F401
from updates.learners.wide_deep.pretrained import arrays_of
from updates.learners.wide_deep.store import FILES
from updates.serving.loader import load

pytestmark = pytest.mark.usefixtures("db")
VECTORS = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)


@pytest.fixture
def recommender(make_recommender):
    options = {"embedding_dim": 4, "mini_batch": 16, "hidden": "8"}
    return make_recommender(slug="shop", learner="wide_deep", learner_options=options)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(FILES, "folder", tmp_path / "vectors")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "items.safetensors"
    save_file(arrays_of({"item": ([f"i{i}" for i in range(20)], VECTORS)}), path)
    return path


def test_the_printed_digest_is_an_option_that_embeddings_begin_at(recommender, file, capsys):
    call_command("import_vectors", "shop", file)
    said = capsys.readouterr().out
    assert said.startswith("20 vectors are kept. For shop to begin at them, set")
    recommender.learner_options |= {"pretrained": said.split()[-1]}
    recommender.full_clean()
    learner = recommender.new_learner()
    learner.fit([])
    np.testing.assert_array_equal(learner.vectors.to_arrays()["vectors"], VECTORS)


def test_vectors_that_do_not_fit_are_not_kept(recommender, file):
    recommender.learner_options |= {"embedding_dim": 8}
    recommender.save()
    with pytest.raises(CommandError, match=r"must be \(20, 8\) floats"):
        call_command("import_vectors", "shop", file)
    assert not FILES.folder.exists()


def test_a_file_that_is_none_is_named(recommender, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(b"what is this?")
    for path in (broken, tmp_path / "missing"):
        with pytest.raises(CommandError, match=path.name):
            call_command("import_vectors", "shop", path)


def test_a_recommender_that_is_none_or_has_no_embeddings_is_named(make_recommender, file):
    make_recommender(slug="linear")
    with pytest.raises(CommandError, match="no recommender 'none'"):
        call_command("import_vectors", "none", file)
    with pytest.raises(CommandError, match="sparse_linear, which has no embeddings"):
        call_command("import_vectors", "linear", file)


def test_embeddings_begin_at_the_vectors_of_a_recommender_of_factors(
    transactional_db,
    recommender,
    make_recommender,
    append,  # noqa: F811
    update,  # noqa: F811
    capsys,
):
    liked = make_recommender("liked", "factors", learner_options={"dim": 4})
    append(liked, 500)
    run = update(liked)
    assert run.state == "promoted", run.error
    call_command("import_vectors", "shop", "--factors", "liked")
    recommender.learner_options |= {"pretrained": capsys.readouterr().out.split()[-1]}
    learner = recommender.new_learner()
    learner.fit([])
    factors = load(run.result_version, serving=True)
    arrays = learner.vectors.to_arrays()
    begun = dict(zip(arrays["keys"].tolist(), arrays["vectors"].tolist(), strict=True))
    items = factors.pretrained()
    assert len(items["item.keys"]) == 20
    for field in ("user", "item"):
        rows = zip(items[f"{field}.keys"], items[f"{field}.vectors"], strict=True)
        for key, vector in rows:
            assert begun[int(key)] == vector.tolist()


def test_a_recommender_without_live_factors_is_named(recommender, make_recommender):
    make_recommender(slug="linear")
    with pytest.raises(CommandError, match="linear has no live version of factors"):
        call_command("import_vectors", "shop", "--factors", "linear")
