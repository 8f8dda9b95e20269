"""From a trained candidate to a version: bytes, row and verdict, seen all or none."""

from typing import Any

from django.db import transaction

from updates import signals
from updates.artifacts import Artifact
from updates.flows.attempt import Attempt
from updates.flows.canary import put_on_trial
from updates.flows.evaluate import Evaluation
from updates.flows.promote import BaseMoved, WouldGoBack, ensure_promotable, promote_result
from updates.learners.base import Learner
from updates.models import ComponentLease, ModelVersion, UpdateRun
from updates.models.canary import OnTrial
from updates.models.run import RunState
from updates.models.version import VersionState
from updates.store import artifacts
from updates.strategies.base import Candidate


def publish(
    run: UpdateRun,
    candidate: Candidate,
    evaluation: Evaluation,
    live: ModelVersion | None,
    attempt: Attempt,
) -> ModelVersion:
    """Write the artifact, then in one fenced transaction the version and what becomes of it.

    Raises LeaseLost and IllegalRunMove, with nothing that readers see changed.
    """
    metrics = evaluation.to_json()
    if (coverage := candidate.coverage.share) is not None:
        metrics["coverage"] = coverage
    fields = write(run, candidate, run.base_version) | {"parent": live, "metrics": metrics}
    UpdateRun.objects.filter(pk=run.pk, attempt=attempt.number).update(
        ranges=candidate.steps, metrics=metrics, samples=candidate.samples
    )
    with transaction.atomic():
        ComponentLease.verify(run, attempt.fences)
        version = ModelVersion.publish(run.recommender, **fields)
        settle(run, version, evaluation, attempt.fences)
    signals.evaluated.send(UpdateRun, run=run, evaluation=evaluation, version=version)
    return version


def write(run: UpdateRun, candidate: Candidate, base: ModelVersion | None) -> dict[str, Any]:
    """The artifact, and what its version says of it."""
    artifact = artifacts().publish(candidate.learner.save, about(candidate))
    sparsity = _sparsity(candidate.learner)
    return {**described(run, candidate, base, artifact), "sparsity": sparsity}


def described(
    run: UpdateRun, candidate: Candidate, base: ModelVersion | None, artifact: Artifact
) -> dict[str, Any]:
    """What a version says of a candidate whose bytes are that artifact."""
    learner = candidate.learner
    return {
        "learner": learner.name,
        "learner_options": learner.settings,
        "digest": artifact.digest,
        "artifact_bytes": artifact.bytes,
        "watermark": candidate.watermark,
        "learned_ranges": candidate.ranges,
        "next_offset": candidate.next_offset,
        "components": _components(run, candidate, base),
    }


def settle(
    run: UpdateRun, version: ModelVersion, evaluation: Evaluation, fences: dict[str, int]
) -> None:
    """Promote, put on trial, or keep as rejected with the reason; in the caller's transaction.

    Raises LeaseLost and IllegalRunMove.
    """
    why = evaluation.verdict
    if evaluation.passed:
        try:
            with transaction.atomic():
                live = ensure_promotable(run, version, fences)
                if live is not None and run.policy is not None and run.policy.canary_seconds:
                    put_on_trial(run, version, live, why)
                else:
                    promote_result(run, version, fences, why)
            return
        except (WouldGoBack, BaseMoved, OnTrial) as refusal:
            why = str(refusal)
    version.move(VersionState.REJECTED, why)
    run.move(RunState.REJECTED, why=why, as_attempt=run.attempt, result_version=version)


def _components(
    run: UpdateRun, candidate: Candidate, base: ModelVersion | None
) -> dict[str, dict[str, Any]]:
    """Where each stands; what the run has not moved is as its base had it."""
    spaces, components = candidate.learner.space_ids(), {}
    for name, part in candidate.parts.items():
        before = base.component(name) if base else {}
        moved = not base or name in candidate.renewed or before["next_offset"] != part.next_offset
        components[name] = {
            **part.to_json(),
            "run": run.pk if moved else before["run"],
            "begun_by": before["begun_by"] if base and name not in candidate.renewed else run.pk,
            "space_id": spaces.get(name),
        }
    return components


def _sparsity(learner: Learner) -> dict[str, Any]:
    """Of the whole, and of each component with what learns it."""
    algorithms = learner.algorithms
    components = {
        name: {"algorithm": algorithms.get(name, ""), **part.to_json()}
        for name, part in learner.sparsity_by_component().items()
    }
    return {**learner.sparsity().to_json(), "components": components}


def about(candidate: Candidate) -> dict[str, Any]:
    """What the manifest says of the making: enough to do it again."""
    learner = candidate.learner
    return {
        "learner": learner.name,
        "options": learner.settings,
        "schema": learner.schema.to_json(),
        "base": candidate.base_digest,
        "steps": candidate.steps,
        "next_offset": candidate.next_offset,
        "watermark": candidate.watermark.isoformat() if candidate.watermark else None,
        **_parts(candidate),
    }


def _parts(candidate: Candidate) -> dict[str, Any]:
    """Of a single component, the above says all."""
    if len(candidate.parts) == 1:
        return {}
    return {"components": {name: part.to_json() for name, part in candidate.parts.items()}}
