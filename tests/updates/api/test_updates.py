"""GET updates, GET updates/{id}, POST updates/{id}/cancel."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.updates.api.conftest import Caller
from updates.models import UpdateRun
from updates.models.run import FINISHED, RunState

WAYS = {
    RunState.QUEUED: [],
    RunState.RUNNING: [RunState.RUNNING],
    RunState.EVALUATING: [RunState.RUNNING, RunState.EVALUATING],
    RunState.CANARY: [RunState.RUNNING, RunState.EVALUATING, RunState.CANARY],
    RunState.PROMOTED: [RunState.RUNNING, RunState.EVALUATING, RunState.PROMOTED],
    RunState.REJECTED: [RunState.RUNNING, RunState.REJECTED],
    RunState.FAILED: [RunState.FAILED],
    RunState.CANCELLED: [RunState.CANCELLED],
}


@pytest.fixture
def run_in(news, make_run):
    """``run_in(state)``: a run that has come to that state."""

    def make(state, **fields):
        run = make_run(news, **fields)
        for step in WAYS[state]:
            run.move(step)
        return run

    return make


def test_a_finished_run_tells_its_whole_story(as_viewer, live):
    run = as_viewer.get(f"updates/{live.run.pk}").json()
    assert (run["state"], run["result_version"], run["base_version"]) == ("promoted", 1, None)
    assert run["cost"]["samples"] == 1000
    assert run["cost"]["samples_per_second"] > 0
    assert run["ranges"][0]["first_offset"] == 1
    assert run["metrics"]["candidate"]["ne"] < 1
    moves = [(move["from_state"], move["to_state"]) for move in run["transitions"]]
    assert moves[0] == ("queued", "running")
    assert moves[-1] == ("evaluating", "promoted")


def test_a_run_under_way_says_how_far_it_is(as_viewer, run_in):
    run = run_in(RunState.RUNNING)
    run.note(run.attempt, progress_phase="learning", progress_done=30, progress_total=100)
    found = as_viewer.get(f"updates/{run.pk}").json()
    assert found["progress"] == {
        "phase": "learning",
        "done": 30,
        "total": 100,
        "per_second": None,
    }
    assert found["online"] is None


@pytest.mark.parametrize("state", list(RunState))
def test_the_list_can_be_had_by_state(state, as_viewer, run_in):
    runs = {wanted: run_in(wanted) for wanted in RunState}
    found = as_viewer.get(f"updates?state={state}").json()["results"]
    assert [run["id"] for run in found] == [runs[state].pk]


def test_the_list_can_be_had_by_recommender(as_viewer, news, make_recommender, make_run):
    mine = make_run(news)
    make_run(make_recommender("music"))
    found = as_viewer.get("updates?recommender=news").json()["results"]
    assert [run["id"] for run in found] == [mine.pk]


@pytest.mark.parametrize("query", ["state=odd", "recommender=absent", "page_size=0", "cursor=x"])
def test_a_bad_parameter_is_named(query, as_viewer, db):
    response = as_viewer.get(f"updates?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("count", [2, 40])
def test_listing_many_takes_as_many_queries_as_listing_few(
    count, as_viewer, news, operator, make_run, django_assert_max_num_queries
):
    for _ in range(count):
        make_run(news, requested_by=operator)
    with django_assert_max_num_queries(5):
        assert len(as_viewer.get("updates").json()["results"]) == count


@pytest.mark.parametrize("id_", ["abc", "0", "99999999999999999999999"])
def test_an_id_that_is_none_is_not_found(id_, as_viewer, db):
    assert as_viewer.get(f"updates/{id_}").status_code == 404


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.EVALUATING])
def test_an_active_run_is_cancelled_with_who_and_why(state, as_operator, run_in):
    run = run_in(state)
    answer = as_operator.post(f"updates/{run.pk}/cancel", {"reason": "wrong window"}).json()
    assert (answer["state"], answer["error"]) == ("cancelled", "wrong window")
    assert answer["transitions"][-1]["by"] == "operator"


@pytest.mark.parametrize("state", FINISHED)
def test_a_finished_run_is_not_cancelled(state, as_operator, run_in):
    run = run_in(state)
    response = as_operator.post(f"updates/{run.pk}/cancel", {})
    assert response.status_code == 409
    assert state in response.json()["detail"]
    assert UpdateRun.objects.get(pk=run.pk).state == state


def test_of_many_cancelling_at_once_one_succeeds(operator, transactional_db, run_in):
    run = run_in(RunState.QUEUED)

    def cancel(caller):
        try:
            return caller.post(f"updates/{run.pk}/cancel", {}).status_code
        finally:
            connections.close_all()

    callers = [Caller(operator) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(cancel, callers)) == [200, 409, 409, 409]
    assert run.transitions.count() == 1
