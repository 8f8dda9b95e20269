"""From a version's row to a model in memory, every byte checked."""

import json

from updates.artifacts import MANIFEST
from updates.learners import registry
from updates.learners.base import Learner
from updates.models import ModelVersion
from updates.samples.schema import SampleSchema
from updates.store import artifacts


def load(version: ModelVersion, *, serving: bool) -> Learner:
    """The version's model: for serving only what predicts, else all that learning needs.

    It keeps the schema it was trained with. Raises CorruptArtifact and UnknownLearner.
    """
    folder = artifacts().open(version.digest)
    schema = json.loads((folder / MANIFEST).read_bytes())["schema"]
    learner = registry.get(version.learner)(SampleSchema.from_json(schema), version.learner_options)
    (learner.load_serving if serving else learner.load)(folder)
    return learner
