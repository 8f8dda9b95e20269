"""From a row to a model in memory, every byte checked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from updates.artifacts import MANIFEST, CorruptArtifact
from updates.learners import registry
from updates.learners.base import Learner
from updates.models import Checkpoint, ModelVersion
from updates.samples.schema import SampleSchema
from updates.serving.weights import Learned, Weights
from updates.store import artifacts
from updates.strategies.base import Part


def load(version: ModelVersion, *, serving: bool) -> Learner:
    """The version's model: for serving only what predicts, else all that learning needs.

    It keeps the schema it was trained with. Raises CorruptArtifact and UnknownLearner.
    """
    folder = artifacts().open(version.digest)
    schema = SampleSchema.from_json(_schema(folder))
    learner = registry.get(version.learner)(schema, version.learner_options)
    (learner.load_serving if serving else learner.load)(folder)
    return learner


def version_weights(version: ModelVersion) -> Weights:
    """What a version serves. Raises CorruptArtifact and UnknownLearner."""
    behind = _behind(version.components, version.next_offset)
    learner = load(version, serving=True)
    return Weights(learner, version.next_offset - 1, version.watermark, behind, learner.only_anew)


def checkpoint_weights(recommender_id: int, epoch: int, beyond: int) -> Weights | None:
    """What the checkpoint of that line of online learning serves, if it has learned beyond.

    beyond : the offset that it must have learned. Raises CorruptArtifact and UnknownLearner.
    """
    while checkpoint := _checkpoint(recommender_id, epoch):
        if checkpoint.next_offset - 1 < beyond:
            return None
        try:
            folder = artifacts().open(checkpoint.digest)
            learner = registry.get(checkpoint.learner)(
                SampleSchema.from_json(checkpoint.schema), checkpoint.learner_options
            )
            learner.load_serving(folder)
        except (CorruptArtifact, FileNotFoundError) as refusal:
            present = _checkpoint(recommender_id, epoch)
            if present is None or present.digest == checkpoint.digest:
                raise CorruptArtifact(str(refusal)) from refusal
            # Its files went when another took its place: that one is newer.
            continue
        behind = _behind(checkpoint.components, checkpoint.next_offset)
        return Weights(
            learner, checkpoint.next_offset - 1, checkpoint.watermark, behind, learner.only_anew
        )
    return None


def _behind(components: Mapping[str, Any], next_offset: int) -> dict[str, Learned]:
    """What components have learned that have learned less than all."""
    parts = {name: Part.from_json(known) for name, known in components.items()}
    return {
        name: Learned(part.next_offset - 1, part.watermark)
        for name, part in parts.items()
        if part.next_offset < next_offset
    }


def same_kind(weights: Weights, version: ModelVersion) -> bool:
    """Whether the version's model has the learner, options and schema that these weights have."""
    learner = weights.learner
    try:
        schema = _schema(artifacts().folder(version.digest))
    except (FileNotFoundError, ValueError):
        return False
    return (
        learner.name == version.learner
        and learner.settings == learner.resolve(version.learner_options)
        and learner.schema == SampleSchema.from_json(schema)
    )


def _checkpoint(recommender_id: int, epoch: int) -> Checkpoint | None:
    return Checkpoint.objects.filter(recommender_id=recommender_id, epoch=epoch).first()


def _schema(folder: Path) -> dict[str, object]:
    schema: dict[str, object] = json.loads((folder / MANIFEST).read_bytes())["schema"]
    return schema
