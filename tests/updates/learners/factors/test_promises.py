"""The promises of every learner, under each loss and way to learn."""

import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import checks_of
from updates.learners.factors.learner import Factors

BATCHES = [stream(30), stream(25, seed=1), stream(20, seed=2)]
OPTIONS = [
    {"dim": 3, "epochs": 3},
    {"dim": 3, "optimiser": "sgd"},
    {"dim": 4, "loss": "bpr", "epochs": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("check", checks_of(Factors), ids=lambda check: check.__name__)
def test_factors_keep_the_promises(check, options):
    check(lambda: Factors(SCHEMA, options), BATCHES)
