"""Quarantining samples from a recommender's page."""

import pytest

from tests.monitoring.conftest import text
from updates.flows.execute import execute
from updates.models import Quarantine, UpdateRun

BAD = {"first_offset": 1101, "last_offset": 1130, "reason": "a broken logger"}


@pytest.fixture
def news(live, append, update):
    """1,500 samples, learned by two versions."""
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    return live.recommender


def send(client, news, what, **data):
    return client.post(f"/recommenders/{news.slug}/quarantines/{what}/", data, follow=True)


def test_the_cost_is_shown_with_the_button_that_does_it(as_operator, news):
    words = text(send(as_operator, news, "outlook", **BAD))
    assert "30 samples, in 1 range of offsets" in words
    assert "Version 2 learned some of them" in words
    assert "Version 1 is built on: 470 samples to learn, less than a second" in words
    assert "Until that is done version 1 is served" in words
    assert "Quarantine 30 samples" in words
    assert not Quarantine.objects.exists()


def test_they_are_quarantined_and_the_list_says_how_far_models_are(as_operator, news):
    words = text(send(as_operator, news, "mark", expected=30, **BAD))
    assert "marked" in words
    assert "a broken logger" in words
    execute(UpdateRun.objects.first().pk, "test")
    words = text(as_operator.get(f"/recommenders/{news.slug}/quarantines/"))
    assert "know none of them" in words


def test_other_samples_than_were_shown_are_not_quarantined(as_operator, news):
    words = text(send(as_operator, news, "mark", expected=29, **BAD))
    assert "That is 30 samples: look at what it costs again." in words
    assert not Quarantine.objects.exists()


def test_it_is_undone_with_a_reason(as_operator, news):
    send(as_operator, news, "mark", expected=30, **BAD)
    made = Quarantine.objects.get()
    assert "Say why" in text(send(as_operator, news, "undo", to=made.pk))
    words = text(send(as_operator, news, "undo", to=made.pk, reason="it was right"))
    assert "Undone: it was right" in words


def test_a_rebuild_that_was_cancelled_can_be_tried_again(as_operator, news):
    send(as_operator, news, "mark", expected=30, **BAD)
    UpdateRun.objects.first().move("cancelled", why="a roll-back")
    made = Quarantine.objects.get()
    assert "failed" in text(as_operator.get(f"/recommenders/{news.slug}/quarantines/"))
    assert "marked" in text(send(as_operator, news, "again", to=made.pk))


def test_a_line_that_names_no_feature_is_refused(as_operator, news):
    assert "is not feature=value" in text(send(as_operator, news, "outlook", where="phone"))


@pytest.mark.parametrize("what", ["outlook", "mark", "undo", "again"])
def test_a_viewer_may_not(as_viewer, news, what):
    assert send(as_viewer, news, what).status_code == 403


def test_a_viewer_sees_the_list_without_buttons(as_viewer, as_operator, news):
    send(as_operator, news, "mark", expected=30, **BAD)
    words = text(as_viewer.get(f"/recommenders/{news.slug}/quarantines/"))
    assert "a broken logger" in words
    assert "Undo" not in words
