"""A version learned again from the log, by what its manifest says of its making."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from updates.artifacts import CorruptArtifact, Draft
from updates.flows.publish import about
from updates.learners import registry
from updates.learners.base import Learner, TrainedElsewhere
from updates.models import ModelVersion, Recommender
from updates.samples.log import LogGap, SampleLog
from updates.samples.offsets import Range
from updates.samples.schema import SampleSchema
from updates.store import artifacts
from updates.strategies.base import Candidate, Part


class NotProvable(RuntimeError):
    """What it takes to learn a version again is not there any more; says what is missing."""


# What a manifest says of a making.
MAKING = {"learner", "options", "schema", "base", "steps"}


class Watch(Protocol):
    """Who looks on: counts the samples read, and may raise to stop."""

    def count(self, samples: int) -> None: ...

    def progress(self, phase: str, done: int, total: int | None) -> None: ...


@dataclass(frozen=True)
class Making:
    """How one artifact was made: its manifest, whose SHA-256 is ``digest``."""

    digest: str
    manifest: dict[str, Any]

    def __post_init__(self) -> None:
        if missing := sorted(MAKING - set(self.manifest)):
            raise NotProvable(
                f"The manifest of artifact {self.digest[:12]} does not say how it was made; it has "
                f"no {', '.join(missing)}."
            )

    @property
    def base(self) -> str | None:
        """Digest of the artifact that it was built on; None where it began from nothing."""
        base: str | None = self.manifest["base"]
        return base

    @property
    def trained_here(self) -> bool:
        """Whether recadmin made it, and not its own trainer; a learner that is not installed is met
        later."""
        name = self.manifest["learner"]
        return name not in registry.names() or registry.get(name).trained_here

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was done, in order; see ``Candidate``."""
        steps: list[dict[str, Any]] = self.manifest["steps"]
        return steps


def lineage(version: ModelVersion) -> list[Making]:
    """All that the version came of, oldest first, back to what began from nothing.

    Raises NotProvable where a making is not known.
    """
    makings = [making_of(version.digest)]
    while (base := makings[-1].base) is not None:
        try:
            makings.append(making_of(base))
        except CorruptArtifact as error:
            raise _not_known(base, version.recommender, error) from None
    return makings[::-1]


def making_of(digest: str) -> Making:
    """How an artifact was made. Raises CorruptArtifact and NotProvable."""
    return Making(digest, artifacts().manifest(digest))


def plan(version: ModelVersion) -> list[Making]:
    """What is to be made again, oldest first: the version, and before it bases that are gone.

    Raises CorruptArtifact where the version's own files are damaged, and NotProvable where its
    making is not known, or a base is gone that cannot be made again, or samples are.
    """
    artifacts().open(version.digest)
    makings = [Making(version.digest, artifacts().manifest(version.digest))]
    while (base := makings[0].base) and not can_be_read(base):
        makings.insert(0, Making(base, _manifest_of_base(base, version)))
    for making in makings:
        ensure_samples(making, version.recommender)
    return makings


def can_be_read(digest: str) -> bool:
    """Whether the artifact's files are there, as they were published."""
    try:
        artifacts().open(digest)
    except CorruptArtifact:
        return False
    return True


def _manifest_of_base(digest: str, version: ModelVersion) -> dict[str, Any]:
    try:
        return artifacts().manifest(digest)
    except CorruptArtifact as error:
        raise _not_known(digest, version.recommender, error) from None


def _not_known(digest: str, recommender: Recommender, error: CorruptArtifact) -> NotProvable:
    return NotProvable(
        f"{named(digest, recommender)}, which it builds on, is gone, and how that was made is not "
        f"known: {error}."
    )


def ensure_samples(making: Making, recommender: Recommender) -> None:
    """See that it was learned here, and that the log has the samples. Raises NotProvable and
    LogUnavailable."""
    if not making.trained_here:
        raise NotProvable(str(TrainedElsewhere(making.manifest["learner"], "learning it again")))
    log = SampleLog(recommender)
    for step in making.steps:
        try:
            log.ensure(step["first_offset"], step["last_offset"] + 1)
        except LogGap as gap:
            raise NotProvable(f"Samples that it learned are gone: {gap}.") from None


def named(digest: str, recommender: Recommender) -> str:
    """The version of that artifact, to begin a sentence with."""
    version = recommender.versions.filter(digest=digest).first()
    return f"Version {version.number}" if version else f"Artifact {digest[:12]}"


@contextmanager
def relearned(makings: list[Making], recommender: Recommender, watch: Watch) -> Iterator[Draft]:
    """The last making, done again; its files are gone after.

    Raises NotProvable where a base that was gone does not come out as it was.
    """
    base = makings[0].base
    known = Making(base, artifacts().manifest(base)) if base else None
    folder = artifacts().open(base) if base else None
    with ExitStack() as drafts:
        for making in makings:
            candidate = begin(making, known, folder)
            log = SampleLog(recommender).with_schema(making.manifest["schema"])
            for step in making.steps:
                then = log.leaving_out(step.get("without", []))
                candidate.redo(Counted(then, watch), step, progress=watch.progress)
            draft = drafts.enter_context(
                artifacts().draft(candidate.learner.save, about(candidate))
            )
            if making is not makings[-1] and draft.digest != making.digest:
                raise NotProvable(
                    f"{named(making.digest, recommender)}, which it builds on, is gone, and "
                    "learned again it is not the same."
                )
            known, folder = making, draft.folder
        yield draft


def begin(making: Making, base: Making | None, folder: Path | None) -> Candidate:
    """What a making began with; its base's files lie in the folder."""
    learner = _new_learner(making)
    if base is None or folder is None:
        return Candidate(learner)
    learner.load(folder)
    known = base.manifest.get("components", {})
    # A manifest that does not tell them apart is of components that had learned the same.
    whole = Part.from_json(base.manifest)
    parts = dict.fromkeys(learner.components, whole)
    parts |= {name: Part.from_json(part) for name, part in known.items()}
    return Candidate(learner, parts=parts, base_digest=base.digest)


def _new_learner(making: Making) -> Learner:
    schema = SampleSchema.from_json(making.manifest["schema"])
    return registry.get(making.manifest["learner"])(schema, making.manifest["options"])


class Counted:
    """A log that has the samples counted that are read from it."""

    def __init__(self, log: SampleLog, watch: Watch) -> None:
        self.log, self.watch = log, watch

    @property
    def left_out(self) -> Sequence[Range]:
        """As of the log."""
        return self.log.left_out

    def read(
        self, start: int, stop: int, since: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        for batch in self.log.read(start, stop, since):
            self.watch.count(batch.num_rows)
            yield batch
