"""The page of one run, while it goes on and after."""

import pytest

from tests.monitoring.conftest import text
from updates.flows.trigger import trigger
from updates.models import UpdateRun
from updates.models.run import RunState

POLLING = 'hx-trigger="every 500ms"'


@pytest.fixture
def queued(recommender):
    return trigger(recommender, strategy="full", reason="a try")


def address(run, part=""):
    return f"/runs/{run.pk}/{part}"


def test_a_waiting_run_polls_and_can_be_cancelled_by_an_operator(as_viewer, as_operator, queued):
    page = as_operator.get(address(queued))
    assert POLLING in page.content.decode()
    assert "waiting for a worker" in text(page)
    assert "Cancel" in text(page)
    assert "Cancel" not in text(as_viewer.get(address(queued)))


def test_progress_is_shown_by_phase(as_viewer, queued):
    queued.move(RunState.RUNNING)
    UpdateRun.objects.update(
        progress_phase="learning", progress_done=300, progress_total=1000, samples=0
    )
    page = as_viewer.get(address(queued), headers={"HX-Request": "true"})
    assert "learning 300 of 1,000" in text(page)
    assert '<progress aria-label="Progress of learning" max="1000" value="300">' in (
        page.content.decode()
    )


def test_a_finished_run_says_what_it_cost_and_brought_and_polls_no_more(as_viewer, live):
    run = live.run
    page = as_viewer.get(address(run))
    words = text(page)
    assert POLLING not in page.content.decode()
    assert "promoted" in words
    assert f"Samples learned {run.samples:,}" in words
    assert f"NE {run.metrics['candidate']['ne']:.4f}" in words
    assert "Result v1" in words
    for state in ("queued", "running", "evaluating", "promoted"):
        assert state in words


def test_a_failed_run_says_why(as_viewer, queued):
    queued.move(RunState.FAILED, why="There are no samples to learn.")
    assert "There are no samples to learn." in text(as_viewer.get(address(queued)))


def test_cancelling_is_written_down_with_who(as_operator, operator, queued):
    words = text(as_operator.post(address(queued, "cancel/"), follow=True))
    queued.refresh_from_db()
    assert queued.state == "cancelled"
    assert queued.transitions.get().by == operator
    assert "cancelled (operator)" in words


def test_cancelling_what_has_ended_is_refused_in_words(as_operator, live):
    words = text(as_operator.post(address(live.run, "cancel/"), follow=True))
    assert "is promoted" in words
    assert "cannot become cancelled" in words


def test_a_viewer_may_not_cancel(as_viewer, queued):
    assert as_viewer.post(address(queued, "cancel/")).status_code == 403
    queued.refresh_from_db()
    assert queued.state == "queued"


def test_an_unknown_run_is_not_found(as_viewer):
    assert as_viewer.get("/runs/99/").status_code == 404
