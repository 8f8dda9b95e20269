"""The promises of every learner, with mini-batches that fill up many times within the samples."""

import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import checks_of
from updates.learners.wide_deep.learner import WideDeep

BATCHES = [stream(30), stream(25, seed=1), stream(20, seed=2)]
OPTIONS = {"mini_batch": 8, "embedding_dim": 3, "hidden": "5,4"}
CHOOSY = {**OPTIONS, "admit_after": 1, "admit_probability": 0.8, "expire_after": 1}


@pytest.mark.parametrize("options", [OPTIONS, CHOOSY], ids=["all keys", "chosen keys"])
@pytest.mark.parametrize("check", checks_of(WideDeep), ids=lambda check: check.__name__)
def test_wide_deep_keeps_the_promises_while_its_deep_part_learns(check, options):
    check(lambda: WideDeep(SCHEMA, options), BATCHES)
