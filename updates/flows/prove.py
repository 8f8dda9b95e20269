"""Prove a version: learn it again from the log and compare the bytes."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from updates.artifacts import CorruptArtifact, Draft
from updates.flows.jobs import AtWork, Outcome, nudge, see_through
from updates.flows.relearn import Making, NotProvable, plan, relearned
from updates.models import ModelVersion, Proof
from updates.models.proof import ProofState
from updates.samples.archive import CorruptSegment
from updates.samples.durable import LogUnavailable
from updates.samples.log import LogGap

DIGITS_SHOWN = 12
FORESEEN = (NotProvable, CorruptArtifact, CorruptSegment, LogGap, LogUnavailable)


def request_proof(version: ModelVersion, by: Any = None) -> Proof:
    """Queue a proof and tell a worker.

    Raises ProofUnderWay, NotProvable, CorruptArtifact and LogUnavailable.
    """
    if version.pruned_at is not None:
        raise NotProvable(f"The files of version {version.number} are no longer kept.")
    plan(version)
    with transaction.atomic():
        proof = Proof.request(version, by)
        transaction.on_commit(lambda: nudge(proof))
    return proof


def prove(proof_id: int) -> None:
    """Take the proof and see it through to its outcome; nothing where it was not to be had."""
    proof = Proof.objects.select_related("version__recommender").filter(pk=proof_id).first()
    if proof is not None:
        see_through(proof, lambda work: _outcome(proof.version, work), FORESEEN)


def _outcome(version: ModelVersion, work: AtWork) -> Outcome:
    makings = plan(version)
    with relearned(makings, version.recommender, work) as draft:
        learned = f"Learned again from {work.samples:,} samples"
        if draft.digest == version.digest:
            shown = version.digest[:DIGITS_SHOWN]
            same = f"{learned}: the same bytes (SHA-256 {shown}…)."
            return Outcome(ProofState.EQUAL, same)
        differ = ", ".join(_differences(makings[-1], draft))
        other = f"{learned}: other bytes. These differ: {differ}."
        return Outcome(ProofState.DIFFERENT, other)


def _differences(making: Making, draft: Draft) -> list[str]:
    """Names of the files that differ; of the manifest, what it says otherwise."""
    then, now = dict(making.manifest), dict(draft.manifest)
    files = _unequal(then.pop("files"), now.pop("files"))
    said = _unequal(then, now)
    return [*files, *([f"manifest.json ({', '.join(said)})"] if said else [])]


def _unequal(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
