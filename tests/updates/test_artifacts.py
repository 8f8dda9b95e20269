"""Artifacts: content-addressed, published whole, checked to the last byte."""

import json

import pytest

from updates.artifacts import ArtifactStore, CorruptArtifact

ABOUT = {"learner": "sparse_linear", "next_offset": 7}


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "artifacts")


def write(**files):
    def save(folder):
        for name, content in files.items():
            (folder / name).write_bytes(content)

    return save


def test_what_is_published_can_be_opened(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    folder = store.open(artifact.digest)
    assert (folder / "model").read_bytes() == b"weights"
    assert json.loads((folder / "manifest.json").read_text())["next_offset"] == 7


def test_the_same_content_has_the_same_digest_and_is_kept_once(store):
    first = store.publish(write(model=b"weights"), ABOUT)
    second = store.publish(write(model=b"weights"), ABOUT)
    assert first == second
    assert len(list(store.root.glob("*/*"))) == 1


@pytest.mark.parametrize("other", [{"model": b"Weights"}, {"model": b"weights", "names": b""}])
def test_other_content_has_another_digest(store, other):
    first = store.publish(write(model=b"weights"), ABOUT)
    assert store.publish(write(**other), ABOUT).digest != first.digest


def test_another_making_has_another_digest(store):
    first = store.publish(write(model=b"weights"), ABOUT)
    assert store.publish(write(model=b"weights"), ABOUT | {"next_offset": 8}) != first


def test_a_flipped_byte_is_refused_and_its_file_named(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    (artifact.folder / "model").write_bytes(b"weighty")
    with pytest.raises(CorruptArtifact, match="checksum mismatch in model"):
        store.open(artifact.digest)


def test_a_missing_file_is_refused_and_named(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    (artifact.folder / "model").unlink()
    with pytest.raises(CorruptArtifact, match="is missing model"):
        store.open(artifact.digest)


def test_a_changed_manifest_is_refused(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    manifest = artifact.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("7", "8"))
    with pytest.raises(CorruptArtifact, match="checksum mismatch in manifest"):
        store.open(artifact.digest)


def test_publishing_again_mends_a_damaged_copy(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    (artifact.folder / "model").write_bytes(b"")
    store.publish(write(model=b"weights"), ABOUT)
    assert (store.open(artifact.digest) / "model").read_bytes() == b"weights"


def test_a_failed_save_leaves_nothing_behind(store):
    def fail(folder):
        (folder / "model").write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.publish(fail, ABOUT)
    assert not list(store.root.iterdir())


def test_a_draft_has_the_digest_of_what_would_be_published_and_goes(store):
    with store.draft(write(model=b"weights"), ABOUT) as draft:
        assert draft.manifest["files"].keys() == {"model"}
    assert not list(store.root.iterdir())
    assert store.publish(write(model=b"weights"), ABOUT).digest == draft.digest


def test_what_was_pruned_cannot_be_opened_but_its_making_is_known(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    store.prune(artifact.digest)
    assert store.manifest(artifact.digest)["next_offset"] == 7
    with pytest.raises(CorruptArtifact, match="is missing model"):
        store.open(artifact.digest)


def test_what_was_pruned_can_be_published_again(store):
    artifact = store.publish(write(model=b"weights"), ABOUT)
    store.prune(artifact.digest)
    store.publish(write(model=b"weights"), ABOUT)
    assert (store.open(artifact.digest) / "model").read_bytes() == b"weights"
