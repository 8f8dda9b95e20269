"""Make the live version again where what is quarantined is no longer what it left out.

What it came of is done again update by update, with the samples that count now: the same steps over
the same offsets. As learning is deterministic this gives, to the bit, the versions that there would
be had it been so from the start. A making that an existing version already is, is not done twice.
Then it learns what has arrived since, and is promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from updates import signals
from updates.artifacts import CorruptArtifact
from updates.flows import beside, local
from updates.flows.attempt import Attempt
from updates.flows.deploy import deploy
from updates.flows.publish import write
from updates.flows.relearn import (
    Counted,
    Making,
    begin,
    can_be_read,
    ensure_samples,
    lineage,
    making_of,
    named,
)
from updates.models import ComponentLease, Deployment, ModelVersion, Recommender, UpdateRun
from updates.models.deployment import DeploymentKind
from updates.models.run import RunState
from updates.models.version import VersionState
from updates.samples.log import SampleLog
from updates.samples.offsets import Range, clip, count, rest
from updates.store import artifacts
from updates.strategies.base import Candidate


class CannotRebuild(RuntimeError):
    """What would be left is no model that may be promoted."""


@dataclass(frozen=True)
class Plan:
    """What a rebuild has to do.

    target : the version to be made again; None where there has been none.
    base : its newest ancestor, or itself, that is as it should be; None to begin from nothing.
    makings : what is done again after that, oldest first.
    samples : to be learned; of these ``tail`` follow the target.
    """

    target: ModelVersion | None
    base: Making | None
    makings: list[Making]
    samples: int
    tail: int


def target_of(recommender: Recommender) -> ModelVersion | None:
    """What is live, or was until it was rewound."""
    settled = recommender.deployments.exclude(kind=DeploymentKind.REWIND).first()
    return settled.version if settled else None


def plan(recommender: Recommender, left_out: Sequence[Range]) -> Plan:
    """What to do so that these offsets, and no others, are left out of what is live.

    Raises NotProvable where a making is not known, or its samples are gone; CorruptArtifact, and
    LogUnavailable.
    """
    target = target_of(recommender)
    makings = lineage(target) if target else []
    first = next((i for i, made in enumerate(makings) if _outdated(made, left_out)), len(makings))
    while first and not can_be_read(makings[first - 1].digest):
        first -= 1
    again = makings[first:]
    for making in again:
        ensure_samples(making, recommender)
    end = SampleLog(recommender).head().last_offset + 1
    tail = count(rest(left_out, target.next_offset if target else 1, end))
    samples = tail + sum(samples_of(making, left_out) for making in again)
    return Plan(target, makings[first - 1] if first else None, again, samples, tail)


def samples_of(making: Making, left_out: Sequence[Range]) -> int:
    """How many samples it learns without these, at most: of a window it may be fewer."""
    return sum(count(rest(left_out, *_span(step))) for step in making.steps)


def _outdated(making: Making, left_out: Sequence[Range]) -> bool:
    return _steps(making, left_out) != making.steps


def _steps(making: Making, left_out: Sequence[Range]) -> list[dict[str, Any]]:
    """What its steps would say if these offsets had been left out."""
    said = [{key: step[key] for key in step if key != "without"} for step in making.steps]
    held = [clip(left_out, *_span(step)) for step in said]
    return [step | ({"without": out} if out else {}) for step, out in zip(said, held, strict=True)]


def _span(step: dict[str, Any]) -> tuple[int, int]:
    return step["first_offset"], step["last_offset"] + 1


def settle(recommender: Recommender) -> None:
    """Versions that learned what is quarantined become quarantined, and back. What is live stays
    live until another version is: it is settled then."""
    left_out = SampleLog(recommender).left_out
    for version in recommender.versions.exclude(state=VersionState.LIVE):
        holds, is_held = version.has_learned(left_out), version.state == VersionState.QUARANTINED
        if holds and not is_held:
            version.move(VersionState.QUARANTINED, "has learned samples that are quarantined")
        elif is_held and not holds:
            before = VersionState.RETIRED if version.deployments.exists() else VersionState.REJECTED
            version.move(before, "what it has learned is not quarantined any more")


def rebuild(run: UpdateRun, attempt: Attempt) -> None:
    """See the run through. Raises NotProvable, CannotRebuild, NothingToLearn and LeaseLost."""
    beside.take(run, attempt, [beside.LEASE, local.LEASE])
    _Rebuild(run, attempt).see_through()


class _Rebuild:
    """One run of strategy rebuild; a relearn.Watch."""

    def __init__(self, run: UpdateRun, attempt: Attempt) -> None:
        self.run, self.attempt = run, attempt
        self.recommender = run.recommender
        self.log = SampleLog(self.recommender)
        self.plan = plan(self.recommender, self.log.left_out)
        self.done = 0

    def count(self, samples: int) -> None:
        """So many more samples were read to be learned."""
        self.done += samples
        self.progress("", 0, None)

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """Of all the samples, whatever step says it."""
        self.attempt.progress("rebuilding", self.done, self.plan.samples)

    def see_through(self) -> None:
        """Make again, catch up, promote."""
        base = self.plan.base
        version = self._version_of(base) if base else None
        for making in self.plan.makings:
            version = self._made_already(making, version) or self._make(making, version)
        version = self._catch_up(version)
        if version is None:
            raise CannotRebuild("Nothing is left to learn.")
        self._promote(version)

    def _version_of(self, making: Making) -> ModelVersion:
        """Its own; one that the live version came of when it was adopted becomes its own."""
        own = self.recommender.versions.filter(digest=making.digest).order_by("-number").first()
        if own is not None:
            return own
        of_all = ModelVersion.objects.filter(recommender__in=self.recommender.readers)
        theirs = of_all.filter(digest=making.digest).latest("number")
        why = f"rebuild: begins with {theirs}"
        return theirs.copied_to(self.recommender, parent=None, why=why)

    def _made_already(self, making: Making, base: ModelVersion | None) -> ModelVersion | None:
        """A kept version that is the making as it would come out now."""
        wanted = making.manifest | {
            "base": base.digest if base else None,
            "steps": _steps(making, self.log.left_out),
        }
        kept = self.recommender.versions.filter(
            next_offset=wanted["next_offset"], learner=wanted["learner"], pruned_at=None
        )
        for version in kept:
            try:
                known = making_of(version.digest).manifest
            except CorruptArtifact:
                continue
            same = all(known[key] == wanted[key] for key in ("options", "schema", "base", "steps"))
            if same and can_be_read(version.digest):
                return version
        return None

    def _make(self, making: Making, base: ModelVersion | None) -> ModelVersion:
        candidate = begin(making, *_opened(base))
        candidate.ranges = list(base.learned_ranges) if base else []
        log = self.log.with_schema(making.manifest["schema"])
        for step in making.steps:
            candidate.redo(Counted(log, self), step, progress=self.progress)
        name = named(making.digest, self.recommender)
        return self._publish(candidate, base, f"{name[0].lower()}{name[1:]} made again")

    def _catch_up(self, version: ModelVersion | None) -> ModelVersion | None:
        """Having learned what has arrived since too: components that stand farthest do; those that
        are behind keep to their own cadence."""
        if version is not None and version.learner != self.recommender.learner:
            return version
        learner = self.recommender.new_learner()
        candidate = Candidate(learner)
        if version is not None:
            learner.load(artifacts().open(version.digest))
            candidate = Candidate(
                learner,
                parts=version.parts(learner.components),
                base_digest=version.digest,
                ranges=list(version.learned_ranges),
            )
        end, start = self.log.head().last_offset + 1, candidate.next_offset
        candidate.learning = [
            name for name in learner.moved() if candidate.parts[name].next_offset == start
        ]
        if not candidate.learning or not rest(self.log.left_out, start, end):
            return version
        candidate.learn(Counted(self.log, self), end, progress=self.progress)
        return self._publish(candidate, version, "what has arrived since")

    def _publish(self, candidate: Candidate, base: ModelVersion | None, what: str) -> ModelVersion:
        if not candidate.learner.is_finite():
            raise CannotRebuild("A weight is not a finite number.")
        fields = write(self.run, candidate, base)
        UpdateRun.objects.filter(pk=self.run.pk, attempt=self.attempt.number).update(
            ranges=candidate.steps, samples=self.done
        )
        with transaction.atomic():
            ComponentLease.verify(self.run, self.attempt.fences)
            return ModelVersion.publish(
                self.recommender, parent=base, state_reason=f"rebuild: {what}", **fields
            )

    def _promote(self, version: ModelVersion) -> None:
        self.run.move(RunState.EVALUATING, as_attempt=self.attempt.number)
        why = f"rebuilt: {self.run.reason}"
        result = None if UpdateRun.objects.filter(result_version=version).exists() else version
        with transaction.atomic():
            ComponentLease.verify(self.run, self.attempt.fences)
            self.recommender.refresh_from_db(fields=["live_version"])
            if self.recommender.live_version != version:
                deployment = deploy(
                    version,
                    kind=DeploymentKind.PROMOTION,
                    reason=why,
                    by=self.run.requested_by,
                    run=self.run,
                )
                transaction.on_commit(
                    lambda: signals.promoted.send(Deployment, deployment=deployment)
                )
            settle(self.recommender)
            self.run.move(
                RunState.PROMOTED, why=why, as_attempt=self.attempt.number, result_version=result
            )


def _opened(base: ModelVersion | None) -> tuple[Making | None, Path | None]:
    if base is None:
        return None, None
    return making_of(base.digest), artifacts().open(base.digest)
