"""Vectors that were learned elsewhere: what they change, and which are refused with which words."""

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save, save_file

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.options import OptionError
from updates.learners.wide_deep.learner import WideDeep
from updates.learners.wide_deep.pretrained import VectorsError, arrays_of
from updates.learners.wide_deep.store import FILES, VectorsMissing
from updates.samples.hashing import field_seed, hash_strings

OPTIONS = {"mini_batch": 16, "embedding_dim": 3, "hidden": "5,4", "embedding_rate": 0.2}
USERS = [f"u{i}" for i in range(40)]


def numbers(rows, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32)


def given(**changed):
    return arrays_of({"user": (USERS, numbers(40)), "tags": (["t1"], numbers(1, 1))}) | {
        name.replace("__", "."): array for name, array in changed.items()
    }


def learner_of(rows=0, **options):
    learner = WideDeep(SCHEMA, {**OPTIONS, **options})
    learner.learn(stream(rows))
    return learner


def vectors_of(learner, field, values):
    keys = hash_strings(pa.array(values, pa.string()), field_seed(field))
    return learner.vectors.values[learner.vectors.find(keys)]


def saved(learner, folder):
    folder.mkdir()
    learner.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(FILES, "folder", tmp_path / "vectors")


def test_ids_have_the_vectors_given_and_others_those_they_had():
    learner = learner_of(320)
    items = [f"i{i}" for i in range(30)]
    space, before = learner.space_id, vectors_of(learner, "item", items).copy()
    learner.pretrain(given())
    np.testing.assert_array_equal(vectors_of(learner, "user", USERS), numbers(40))
    np.testing.assert_array_equal(vectors_of(learner, "tags", ["t1"]), numbers(1, 1))
    np.testing.assert_array_equal(vectors_of(learner, "item", items), before)
    assert learner.space_id != space
    assert learner.coverage.looked_up == 0


def test_a_new_id_is_read_as_the_mean_of_those_given():
    learner = learner_of()
    origin = learner.vectors.defaults[0].copy()
    learner.pretrain(given())
    expected = np.mean([origin, *numbers(40)], axis=0)
    np.testing.assert_allclose(learner.vectors.defaults[0], expected, atol=1e-6)


def test_the_network_begins_anew_and_is_taught_the_space_as_it_is():
    learner = learner_of(330)
    learner.pretrain(given())
    np.testing.assert_array_equal(learner.upper.weights, learner_of().upper.weights)
    space = learner.space_id
    learner.train(["upper"])
    learner.fit([stream(330)])
    assert learner.space_id == space
    assert not np.array_equal(learner.upper.weights, learner_of().upper.weights)


def test_a_file_says_the_same_as_its_arrays_and_keys_the_same_as_names(tmp_path):
    path = tmp_path / "given.safetensors"
    save_file(given(), path)
    keys = {"user.vectors": numbers(40), "tags.vectors": numbers(1, 1)}
    for field, values in (("user", USERS), ("tags", ["t1"])):
        array = pa.array(values, pa.string())
        keys[f"{field}.keys"] = hash_strings(array, field_seed(field))
    states = []
    for i, source in enumerate((given(), path, keys)):
        learner = learner_of(100)
        learner.pretrain(source)
        states.append(saved(learner, tmp_path / str(i)))
    assert states[0] == states[1] == states[2]


def test_it_is_saved_and_served_and_sent_like_what_is_learned(tmp_path):
    options = {"admit_after": 2, "expire_after": 1}
    learner, loaded, serving = learner_of(100, **options), learner_of(**options), learner_of()
    learner.save(tmp_path)
    serving.load_serving(tmp_path)
    learner.track()
    learner.pretrain(given())
    serving.apply(learner.delta())
    np.testing.assert_array_equal(serving.predict(stream(50)), learner.predict(stream(50)))
    assert serving.space_id == learner.space_id
    saved(learner, tmp_path / "a")
    loaded.load(tmp_path / "a")
    for one in (learner, loaded):
        one.learn(stream(100, seed=1))
    assert saved(learner, tmp_path / "b") == saved(loaded, tmp_path / "c")


def test_ids_given_need_no_admission_and_are_counted_among_those_seen():
    learner = learner_of(admit_after=250)
    learner.train(["embeddings"])
    learner.pretrain(given())
    learner.learn(stream(16))
    batch = stream(16)
    tags = {tag for tags in batch.column("tags").to_pylist() for tag in tags}
    others = len(set(batch.column("item").to_pylist())) + len(tags - {"t1"})
    assert learner.vectors.size == 41
    assert learner.embeddings.seen == pytest.approx(41 + others, abs=2)


def test_embeddings_begin_anew_at_the_file_that_the_option_names(folder, tmp_path):
    digest = FILES.put(save(given()))
    learner = learner_of(100, pretrained=digest)
    learner.train(["embeddings"])
    learner.fit([])
    assert learner.vectors.size == 41
    learner.train(["wide", "upper"])
    learner.fit([stream(100)])
    np.testing.assert_array_equal(vectors_of(learner, "user", USERS), numbers(40))
    once = learner_of(pretrained=digest)
    once.fit([stream(100)])
    again = learner_of(300, pretrained=digest)
    again.fit([stream(100)])
    assert saved(once, tmp_path / "a") == saved(again, tmp_path / "b")


def test_a_file_that_is_not_there_or_was_changed_is_not_begun_at(folder):
    digest = FILES.put(save(given()))
    for path in FILES.folder.iterdir():
        path.write_bytes(save(given(user__vectors=numbers(40, 9))))
    for missing, words in ((digest, "are others by now"), ("0" * 64, "there are no vectors")):
        learner = learner_of(pretrained=missing)
        with pytest.raises(VectorsMissing, match=words):
            learner.fit([stream(10)])


def test_a_library_without_a_folder_keeps_and_finds_no_files(monkeypatch):
    monkeypatch.setattr(FILES, "folder", None)
    with pytest.raises(ValueError, match="no folder"):
        FILES.put(b"")
    with pytest.raises(VectorsMissing):
        FILES.content("0" * 64)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "0" * 63, "A" * 64, "0" * 64 + "\n"])
def test_what_is_no_digest_is_refused_as_an_option_and_never_looked_for(folder, name):
    with pytest.raises(OptionError, match="pretrained: must be the digest"):
        learner_of(pretrained=name)
    with pytest.raises(VectorsMissing):
        FILES.content(name)


def nan_at(row):
    vectors = numbers(40)
    vectors[row, 1] = np.nan
    return vectors


REFUSED = {
    "user.vectors must be (40, 3) floats, a row a value and embedding_dim": {
        "user__vectors": np.zeros((40, 4), np.float32)
    },
    "got (39, 3) float32": {"user__vectors": numbers(39)},
    "got (40, 3) int64": {"user__vectors": np.zeros((40, 3), np.int64)},
    "user, row 7 ('u7'): not all numbers are finite": {"user__vectors": nan_at(7)},
    "user, row 3 ('u3'): not all numbers are finite": {
        "user__vectors": np.diag([0.0] * 3 + [1e300] + [0.0] * 36)[:, 2:5]
    },
    "user, row 1 ('a') has a vector in row 0 already": arrays_of(
        {"user": (["a", "a", "b"], numbers(3))}
    ),
    "user, row 2 (5) has a vector in row 1 already": {
        "user__keys": np.array([3, 5, 5], np.uint64),
        "user__vectors": numbers(3),
    },
    "user, row 1 (0): 0 is the key of no value": {
        "user__keys": np.array([3, 0], np.uint64),
        "user__vectors": numbers(2),
    },
    "user.keys must be (n,) uint64, got (2,) int64": {"user__keys": np.array([1, 2])},
    "price.vectors is none of the arrays": {"price__vectors": numbers(1)},
    "user.value_offsets must rise": {"user__value_offsets": np.array([0, 5, 3])},
    "user.values must be uint8": {"user__values": np.zeros(3)},
    "two fields have a key in common": {
        "user__keys": np.array([7], np.uint64),
        "user__vectors": numbers(1),
        "tags__keys": np.array([7], np.uint64),
    },
}


@pytest.mark.parametrize("words", REFUSED)
def test_vectors_that_cannot_be_taken_over_are_refused_by_field_and_row(words, tmp_path):
    arrays = given(**REFUSED[words])
    for field in ("user", "tags"):
        if f"{field}.keys" in arrays:
            del arrays[f"{field}.values"], arrays[f"{field}.value_offsets"]
    learner = learner_of(100)
    before = saved(learner, tmp_path / "before")
    with pytest.raises(VectorsError) as refusal:
        learner.pretrain(arrays)
    assert words in str(refusal.value)
    assert saved(learner, tmp_path / "after") == before


def test_names_that_are_no_utf_8_and_arrays_of_nothing_are_refused():
    arrays = arrays_of({"user": (["ab"], numbers(1))})
    broken = arrays | {"user.values": np.array([0xFF, 0xFE], np.uint8)}
    unnamed = {"user.vectors": numbers(1)}
    for refused, words in ((broken, "user.values: "), (unnamed, "needs .keys"), ({}, "of none of")):
        with pytest.raises(VectorsError, match=words):
            learner_of().pretrain(refused)
