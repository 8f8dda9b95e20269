"""The promises of every learner, on samples of which many bring a new user or item."""

import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import checks_of
from updates.learners.factors.learner import Factors

BATCHES = [stream(30), stream(25, seed=1), stream(20, seed=2)]


@pytest.mark.parametrize("check", checks_of(Factors), ids=lambda check: check.__name__)
def test_factors_keeps_the_promises_of_learners(check):
    check(lambda: Factors(SCHEMA, {"dim": 3}), BATCHES)
