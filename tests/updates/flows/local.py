"""What tests of local updates share: recommenders of components, what changed in a version."""

from tests.updates.flows.online import bytes_of
from updates.learners.wide_deep import files

WIDE_DEEP = {"learner": "wide_deep", "learner_options": {"mini_batch": 16, "hidden": "8,4"}}
GBDT_LR = {"learner": "gbdt_lr", "learner_options": {"num_trees": 5, "num_threads": 1}}
OF_EMBEDDINGS = {files.EMBEDDINGS, files.EMBEDDINGS_LEARNING}
OF_UPPER = {files.UPPER, files.UPPER_LEARNING}
OF_WIDE = {files.WIDE, "weights.safetensors"}
# They say what waits and what belongs together: of all components.
OF_ALL = {files.PENDING, files.BOUND}


def changed(one, other):
    """Names of the files in which two versions differ, those of all components left out."""
    before, after = bytes_of(one.digest), bytes_of(other.digest)
    return {name for name in after if after[name] != before[name]} - OF_ALL


def offsets(version):
    """The first offset that each component has not learned."""
    return {name: version.component(name)["next_offset"] for name in version.components}
