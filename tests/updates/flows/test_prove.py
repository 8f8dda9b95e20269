"""A proof: the version learned again from the log, its bytes compared."""

import shutil

import numpy as np
import pytest
from django.utils import timezone
from safetensors.numpy import load_file, save_file

from tests.updates.flows.online import hurry
from updates.flows import jobs
from updates.flows import prove as proving
from updates.flows.execute import execute
from updates.flows.jobs import look_after, say_alive
from updates.flows.prove import prove, request_proof
from updates.flows.prune import prune
from updates.flows.relearn import NotProvable
from updates.flows.trigger import trigger
from updates.models import ModelVersion, Proof
from updates.models.proof import ProofUnderWay
from updates.samples.log import SampleLog
from updates.store import artifacts


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Ids of the proofs that workers were told of."""
    sent = []

    def send(name, args, **kwargs):
        if name == "updates.tasks.prove_version":
            sent.extend(args)

    monkeypatch.setattr(jobs.current_app, "send_task", send)
    return sent


def proved(version):
    proof = request_proof(version)
    prove(proof.pk)
    proof.refresh_from_db()
    return proof


def republish(version, change=lambda folder: None, **said):
    """Another version with the same manifest, but for what ``change`` does to its files."""
    about = artifacts().manifest(version.digest) | said
    files = about.pop("files")

    def save(folder):
        for name in files:
            shutil.copy(artifacts().folder(version.digest) / name, folder / name)
        change(folder)

    artifact = artifacts().publish(save, about)
    return ModelVersion.publish(
        version.recommender,
        parent=version.parent,
        learner=version.learner,
        learner_options=version.learner_options,
        digest=artifact.digest,
        artifact_bytes=artifact.bytes,
        watermark=version.watermark,
        learned_ranges=version.learned_ranges,
        next_offset=version.next_offset,
    )


def flip_a_weight(folder):
    path = sorted(folder.glob("*.safetensors"))[0]
    arrays = load_file(path)
    name = next(key for key, array in arrays.items() if array.dtype.kind == "f" and array.size)
    arrays[name] = np.nextafter(arrays[name], np.inf, dtype=arrays[name].dtype)
    save_file(arrays, path)


def test_a_full_update_is_proved_equal(live):
    proof = proved(live)
    assert proof.state == "equal", proof.outcome
    assert proof.outcome == (
        f"Learned again from 1,000 samples: the same bytes (SHA-256 {live.digest[:12]}…)."
    )
    assert proof.samples == 1000
    assert proof.cpu_seconds > 0
    assert proof.finished_at is not None


def test_a_window_of_event_time_is_proved_equal(recommender, update):
    proof = proved(update(recommender, window_seconds=300).result_version)
    assert proof.state == "equal", proof.outcome
    assert proof.samples == 301


@pytest.mark.parametrize("learner", ["sparse_linear", "gbdt", "gbdt_lr"])
def test_an_incremental_update_with_replay_is_proved_equal(recommender, append, update, learner):
    recommender.learner, recommender.learner_options = learner, {}
    recommender.save(update_fields=["learner", "learner_options"])
    full = update(recommender).result_version
    policy = recommender.policies.create(
        name="hourly", strategy="incremental", trigger="manual", replay_fraction=0.5
    )
    append(recommender, 600)
    run = update(recommender, policy)
    assert "replay" in {step["op"] for step in run.ranges}
    for version in (full, run.result_version):
        proof = proved(version)
        assert proof.state == "equal", proof.outcome
    assert proof.samples == run.samples


def test_what_online_learning_became_is_proved_equal(live, append, monkeypatch):
    hurry(monkeypatch)
    policy = live.recommender.policies.create(
        name="always", strategy="online", trigger="continuous", version_every_minutes=0.05
    )
    for count in (700, 300):
        append(live.recommender, count)
        run = trigger(live.recommender, policy=policy)
        execute(run.pk, "test")
        run.refresh_from_db()
        proof = proved(run.result_version)
        assert (proof.state, proof.samples) == ("equal", count), proof.outcome


def test_a_base_that_was_pruned_is_learned_again_first(live, append, update):
    for _ in range(2):
        append(live.recommender, 500)
        version = update(live.recommender, "incremental").result_version
    live.recommender.refresh_from_db()
    live.recommender.keep_versions = 1
    assert prune(live.recommender) == 2
    proof = proved(version)
    assert proof.state == "equal", proof.outcome
    assert proof.samples == 2000


def test_a_base_of_which_nothing_is_known_is_said(live, append, update):
    append(live.recommender, 500)
    child = update(live.recommender, "incremental").result_version
    artifacts().delete(live.digest)
    with pytest.raises(NotProvable, match="Version 1, which it builds on, is gone"):
        request_proof(child)


def test_the_schema_of_then_counts_and_not_that_of_now(live):
    schema = live.recommender.schema | {"categorical": ["device", "country"]}
    live.recommender.schema = schema
    live.recommender.save(update_fields=["schema"])
    proof = proved(ModelVersion.objects.get(pk=live.pk))
    assert proof.state == "equal", proof.outcome


def test_archived_samples_prove_as_well(live, settings):
    settings.SEGMENT_ROWS = 1000
    assert SampleLog(live.recommender).archive(timezone.now())
    assert proved(live).state == "equal"


def test_a_flipped_weight_is_found_and_its_file_named(live):
    proof = proved(republish(live, flip_a_weight))
    assert proof.state == "different"
    name = sorted(artifacts().manifest(live.digest)["files"])[0]
    assert proof.outcome == (
        f"Learned again from 1,000 samples: other bytes. These differ: {name}."
    )


def test_a_model_of_other_samples_is_found(live, append, update):
    append(live.recommender, 500)
    other = artifacts().folder(update(live.recommender, "full").result_version.digest)

    def swap(folder):
        for path in folder.iterdir():
            shutil.copy(other / path.name, path)

    assert proved(republish(live, swap)).state == "different"


def test_nothing_is_left_behind_and_nothing_published(live):
    flipped = republish(live, flip_a_weight)
    before = sorted(artifacts().root.rglob("*"))
    proved(live)
    proved(flipped)
    assert sorted(artifacts().root.rglob("*")) == before


def test_one_is_under_way_at_a_time(live):
    first = request_proof(live)
    with pytest.raises(ProofUnderWay) as refused:
        request_proof(live)
    assert refused.value.proof == first
    prove(first.pk)
    assert request_proof(live) != first


def test_pruned_files_are_refused(live, append, update):
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    live.recommender.keep_versions = 1
    live.recommender.live_version = None
    prune(live.recommender)
    live.refresh_from_db()
    with pytest.raises(NotProvable, match="files of version 1 are no longer kept"):
        request_proof(live)


def test_samples_that_are_gone_are_refused_by_their_offsets(live):
    SampleLog(live.recommender).delete()
    with pytest.raises(NotProvable, match="offsets 1 to 800 are missing"):
        request_proof(live)


def test_samples_that_go_while_it_waits_fail_it_with_a_sentence(live):
    proof = request_proof(live)
    SampleLog(live.recommender).delete()
    prove(proof.pk)
    proof.refresh_from_db()
    assert proof.state == "failed"
    assert proof.outcome.startswith("Samples that it learned are gone")


def test_an_artifact_whose_making_is_not_known_is_refused(live):
    artifact = artifacts().publish(lambda folder: (folder / "weights").write_text("2"), {})
    version = ModelVersion.publish(
        live.recommender,
        learner="external",
        digest=artifact.digest,
        artifact_bytes=artifact.bytes,
        learned_ranges=[],
        next_offset=1,
    )
    with pytest.raises(NotProvable, match="does not say how it was made"):
        request_proof(version)


def test_a_manifest_that_cannot_be_followed_fails_with_a_sentence(live):
    proof = proved(republish(live, learner="tarot"))
    assert proof.state == "failed"
    assert "'tarot' is no learner" in proof.outcome


def test_it_is_done_once_however_often_workers_are_told(live):
    proof = proved(live)
    prove(proof.pk)
    again = Proof.objects.get(pk=proof.pk)
    assert again.finished_at == proof.finished_at


def test_a_queued_proof_is_told_again_when_the_message_was_lost(live, told, valkey):
    proof = request_proof(live)
    look_after(Proof)
    assert told == [proof.pk]
    valkey.delete(f"recadmin:proof:{proof.pk}:nudged")
    look_after(Proof)
    assert told == [proof.pk, proof.pk]


def test_a_proof_whose_worker_died_fails_and_may_be_asked_for_again(live, valkey):
    proof = request_proof(live)
    proof.claim()
    look_after(Proof)
    proof.refresh_from_db()
    assert (proof.state, proof.outcome) == (
        "failed",
        "Its worker stopped answering; ask for it again.",
    )
    assert proved(live).state == "equal"


def test_a_proof_at_work_is_left_alone(live):
    proof = request_proof(live)
    say_alive(proof)
    proof.claim()
    look_after(Proof)
    proof.refresh_from_db()
    assert proof.state == "running"


def test_a_worker_whose_proof_was_given_up_stops_and_changes_nothing(live, monkeypatch):
    proof = request_proof(live)

    def give_up(makings, recommender, work):
        proof.end("failed", "Given up.")
        work._stopped = not work._note()
        work.count(1)

    monkeypatch.setattr(proving, "relearned", give_up)
    prove(proof.pk)
    proof.refresh_from_db()
    assert (proof.state, proof.outcome) == ("failed", "Given up.")
