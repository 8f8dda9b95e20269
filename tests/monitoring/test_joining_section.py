"""The recommender page says what becomes of impressions and feedback."""

import pytest
import time_machine

from tests.monitoring.conftest import text
from tests.updates.flows.joining import Joining, at
from updates import joiners
from updates.samples.durable import LogUnavailable

PAGE, PART = "/recommenders/news/", "/recommenders/news/joining/"


@pytest.fixture
def joining(valkey, transactional_db, make_recommender):
    return Joining(make_recommender(join_window_seconds=60, feedback_horizon_seconds=600))


def test_counters_and_maturity_are_shown(as_viewer, joining):
    joining.show("a", "b", "c")
    joining.click("a", "a", "nobody")
    joining.later(60)
    joining.show("d")
    with time_machine.travel(at(joining.now)):
        words = text(as_viewer.get(PART))
    assert "Waiting 1 impressions" in words
    assert "Joined, positive 1 samples" in words
    assert "Joined, negative 2 samples" in words
    assert "Duplicate 1 feedback" in words
    assert "100.0 % of the 1 labels of four weeks came by then" in words
    assert "Labels are there for what was shown until 2026-01-01 00:00:00 UTC" in words


def test_the_delay_curve_has_a_figure_once_something_was_shown(as_viewer, joining):
    assert 'class="panel chart delays"' not in as_viewer.get(PAGE).content.decode()
    joining.show("a")
    assert 'class="panel chart delays"' in as_viewer.get(PAGE).content.decode()


def test_before_that_it_says_how_to_begin(as_viewer, joining):
    assert "Nothing was shown yet. Send what is shown to" in text(as_viewer.get(PAGE))


def test_a_silent_joiner_leaves_the_page_standing(as_viewer, joining, monkeypatch):
    def silent(*args):
        raise LogUnavailable("down")

    monkeypatch.setattr(joiners, "report", silent)
    assert "The joiner does not answer" in text(as_viewer.get(PAGE))


def test_strangers_are_not_told(client, joining):
    assert client.get(PART).status_code == 302
