"""Measurements rest on labels that may still be coming, and say so."""

from datetime import timedelta

import pytest
import time_machine

from monitoring import metrics
from monitoring.provisional import provisional_from
from tests.updates.flows.joining import BEGIN, WAIT, WEIGHTED, Joining

HOUR = timedelta(hours=1)


@pytest.fixture
def joined(valkey, transactional_db, make_recommender):
    """``joined(policy)``: a recommender to which something was shown an hour ago."""

    def make(policy):
        recommender = make_recommender(delayed_feedback=policy, feedback_horizon_seconds=600)
        joining = Joining(recommender)
        joining.show("a")
        joining.later(601)
        return recommender

    return make


def test_quality_is_provisional_since_the_horizon(joined):
    recommender = joined(WEIGHTED)
    with time_machine.travel(BEGIN + HOUR, tick=False):
        since = provisional_from(recommender, metrics.NE)
    assert since == BEGIN + HOUR - timedelta(seconds=600)


def test_age_is_not(joined):
    assert provisional_from(joined(WEIGHTED), metrics.AGE_SECONDS) is None


def test_with_wait_nothing_is(joined):
    assert provisional_from(joined(WAIT), metrics.NE) is None
