"""Online sessions at work, watched and controlled from the pages."""

import re

import pytest

from tests.conftest import wait_until
from tests.monitoring.conftest import text
from tests.updates.flows.online import make_policy, session
from updates import scheduling
from updates.models import Checkpoint, UpdateRun

# A cancel or pause is to take effect within so many seconds.
SECONDS = 2


@pytest.fixture
def policy(live):
    return make_policy(live.recommender)


def once_learned(client, run, offset):
    """Words of the run's page as soon as it says that the session has learned so far."""
    said = f"Learned up to offset {offset:,}"
    return wait_until(lambda: said in (words := text(client.get(f"/runs/{run.pk}/"))) and words, 15)


def test_the_run_page_says_what_the_session_does_now_and_next(as_viewer, policy, append, valkey):
    append(policy.recommender, 300)
    with session(policy) as (run, _):
        words = once_learned(as_viewer, run, 1300)
    assert "Now learning" in words
    assert "Backlog 0 samples" in words
    assert re.search(r"Next checkpoint in \S+ min", words)
    assert re.search(r"Next version in \S+ h", words)


def test_the_recommender_page_counts_what_was_learned_online(as_viewer, policy, append, valkey):
    address = f"/recommenders/{policy.recommender.slug}/"
    append(policy.recommender, 300)
    assert "Backlog 300 samples" in text(as_viewer.get(address))
    with session(policy) as (run, _):
        once_learned(as_viewer, run, 1300)
        assert "Backlog 0 samples" in text(as_viewer.get(address))
    # The version is the same; what is served has learned more.
    assert "Backlog 0 samples" in text(as_viewer.get(address))


def test_learning_is_paused_from_the_run_page_and_resumed(
    as_viewer, as_operator, policy, append, valkey
):
    append(policy.recommender, 200)
    address = f"/recommenders/{policy.recommender.slug}/policies/{policy.name}"
    with session(policy) as (run, thread):
        once_learned(as_operator, run, 1200)
        assert "Pause learning" not in text(as_viewer.get(f"/runs/{run.pk}/"))
        page = as_operator.get(f"/runs/{run.pk}/").content.decode()
        [pause] = re.findall(r'action="([^"]+/pause/)"', page)
        assert pause == f"{address}/pause/"
        as_operator.post(pause)
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert "cancelled its policy was paused" in text(as_operator.get(f"/runs/{run.pk}/"))
    assert Checkpoint.objects.get().next_offset == 1201
    scheduling.tick()
    assert not UpdateRun.objects.filter(strategy="online", state="queued").exists()
    as_operator.post(f"{address}/resume/")
    scheduling.tick()
    assert UpdateRun.objects.filter(strategy="online", state="queued").exists()


def test_a_session_is_cancelled_from_its_page(as_operator, policy, append, valkey):
    append(policy.recommender, 200)
    with session(policy) as (run, thread):
        once_learned(as_operator, run, 1200)
        as_operator.post(f"/runs/{run.pk}/cancel/")
        thread.join(SECONDS)
        assert not thread.is_alive()
    words = text(as_operator.get(f"/runs/{run.pk}/"))
    assert "cancelled (operator)" in words
    assert "Learned up to offset" not in words
