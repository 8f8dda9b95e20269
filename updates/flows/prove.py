"""Prove a version: learn it again from the log and compare the bytes.

A proof publishes nothing and takes no lease: it reads what never changes. Who works on one says so
in Valkey; where that ends without an outcome the tick fails the proof, and it may be asked for
again. It is not taken up by itself: what killed one worker would kill the next.
"""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Any, Self

import redis
from celery import current_app
from django.db import DatabaseError, transaction
from django.db import connection as database
from kombu.exceptions import OperationalError

from recadmin.valkey import connection
from updates.artifacts import CorruptArtifact, Draft
from updates.flows.relearn import Making, NotProvable, plan, relearned
from updates.models import ModelVersion, Proof
from updates.models.proof import UNDER_WAY, ProofState
from updates.samples.archive import CorruptSegment
from updates.samples.durable import LogUnavailable
from updates.samples.log import LogGap
from updates.words import sentence

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
ALIVE_SECONDS = 15
NUDGE_AGAIN_SECONDS = 5
DIGITS_SHOWN = 12
# Reasons that are a sentence of their own; of others the kind is said too.
FORESEEN = (NotProvable, CorruptArtifact, CorruptSegment, LogGap, LogUnavailable)


class Stopped(RuntimeError):
    """The proof is no longer this worker's: it was given up for dead, or deleted."""


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


def nudge(proof: Proof) -> None:
    """Tell a worker, at most every few seconds; a lost message is sent again by the tick."""
    try:
        if connection().set(_key(proof, "nudged"), 1, nx=True, ex=NUDGE_AGAIN_SECONDS):
            current_app.send_task(
                "updates.tasks.prove_version", args=[proof.pk], queue="runs", retry=False
            )
    except (redis.RedisError, OperationalError, OSError) as error:
        logger.warning("proof %s is queued, but no worker could be told: %s", proof.pk, error)


def look_after_proofs() -> None:
    """Remind workers of queued proofs; fail those whose worker stopped answering."""
    for proof in Proof.objects.filter(state__in=UNDER_WAY):
        if proof.state == ProofState.QUEUED:
            nudge(proof)
        elif not connection().exists(_key(proof, "alive")):
            proof.end(ProofState.FAILED, "Its worker stopped answering; ask for it again.")


def prove(proof_id: int) -> None:
    """Take the proof and see it through to its outcome; nothing where it was not to be had."""
    proof = Proof.objects.select_related("version__recommender").filter(pk=proof_id).first()
    if proof is None or proof.state != ProofState.QUEUED:
        return
    # Before the claim, so that no tick finds it running and nobody at work.
    _say_alive(proof)
    if not proof.claim():
        return
    with _Work(proof) as work:
        try:
            state, outcome = _outcome(proof.version, work)
        except Stopped as stopped:
            logger.info("%s", stopped)
            return
        except FORESEEN as reason:
            state, outcome = ProofState.FAILED, sentence(str(reason))
        except Exception as error:
            logger.exception("proof %s failed", proof.pk)
            state, outcome = ProofState.FAILED, sentence(f"{type(error).__name__}: {error}")
    proof.end(state, outcome)


def _outcome(version: ModelVersion, work: _Work) -> tuple[ProofState, str]:
    makings = plan(version)
    with relearned(makings, version.recommender, work) as draft:
        learned = f"Learned again from {work.samples:,} samples"
        if draft.digest == version.digest:
            shown = version.digest[:DIGITS_SHOWN]
            return ProofState.EQUAL, f"{learned}: the same bytes (SHA-256 {shown}…)."
        differ = ", ".join(_differences(makings[-1], draft))
        return ProofState.DIFFERENT, f"{learned}: other bytes. These differ: {differ}."


def _differences(making: Making, draft: Draft) -> list[str]:
    """Names of the files that differ; of the manifest, what it says otherwise."""
    then, now = dict(making.manifest), dict(draft.manifest)
    files = _unequal(then.pop("files"), now.pop("files"))
    said = _unequal(then, now)
    return [*files, *([f"manifest.json ({', '.join(said)})"] if said else [])]


def _unequal(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


class _Work:
    """Says that a worker is at it and how far, for as long as it is."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.samples = 0
        self._stopped = False
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"proof-{proof.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._cpu = time.process_time()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished.set()
        self._thread.join()
        self._note()

    def count(self, samples: int) -> None:
        """So many more samples were read to be learned."""
        self.samples += samples
        self.progress("learning", self.samples, None)

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """Raises Stopped when the proof has been taken away."""
        if self._stopped:
            raise Stopped(f"proof {self.proof.pk} is not under way any more")

    def _beat(self) -> None:
        try:
            while not self._finished.wait(BEAT_SECONDS) and not self._stopped:
                try:
                    _say_alive(self.proof)
                    self._stopped = not self._note()
                except (redis.RedisError, DatabaseError):
                    logger.exception("heartbeat of proof %s", self.proof.pk)
        finally:
            database.close()

    def _note(self) -> bool:
        spent = time.process_time() - self._cpu
        return self.proof.note(samples=self.samples, cpu_seconds=spent)


def _say_alive(proof: Proof) -> None:
    connection().set(_key(proof, "alive"), 1, ex=ALIVE_SECONDS)


def _key(proof: Proof, what: str) -> str:
    return f"recadmin:proof:{proof.pk}:{what}"
