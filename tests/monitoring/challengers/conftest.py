"""A champion and a challenger that are live, on a clock that the test moves."""

from datetime import timedelta

import pytest

from monitoring.tasks import compare_challengers
from tests.monitoring.conftest import NOW
from tests.updates.flows.challengers import challenge


@pytest.fixture
def clock(time_machine):
    """``clock(seconds)``: moves on; the time stands otherwise."""
    at = [NOW]
    time_machine.move_to(NOW, tick=False)

    def move(seconds):
        at[0] += timedelta(seconds=seconds)
        time_machine.move_to(at[0], tick=False)
        return at[0]

    return move


@pytest.fixture
def champion(clock, recommender, update):
    """Live, with options that learn too slowly."""
    recommender.learner_options = {"alpha": 0.001}
    recommender.save(update_fields=["learner_options"])
    assert update(recommender).state == "promoted"
    recommender.refresh_from_db()
    return recommender


@pytest.fixture
def begin(champion, update):
    """``begin(slug, **fields)``: a live challenger."""

    def make(slug="challenger", **fields):
        made = challenge(champion, slug, **fields)
        run = update(made)
        assert run.state == "promoted", run.error
        made.refresh_from_db()
        return made

    return make


@pytest.fixture
def challenger(begin):
    """Live, with options that learn well."""
    return begin(learner_options={"alpha": 0.5})


@pytest.fixture
def arrive(clock, append, champion):
    """``arrive(count)``: so many samples come a second later, and are compared after another."""

    def come(count, *, compare=True):
        clock(1)
        append(champion, count)
        clock(1)
        if compare:
            compare_challengers()

    return come
