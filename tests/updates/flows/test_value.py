"""What a local update cost and brought, beside a full one."""

import pytest

from tests.updates.flows.local import WIDE_DEEP
from updates.flows.value import Value, value_of
from updates.models import UpdateRun


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    recommender = make_recommender(**WIDE_DEEP)
    append(recommender, 2000)
    return recommender


def test_a_local_update_is_compared_with_the_full_one_before_it(
    recommender, live, append, update, as_viewer
):
    append(recommender, 1000)
    run = update(recommender, "local", components=["upper"])
    assert run.state == "promoted", run.error
    value = value_of(run)
    assert value.full == live.run
    assert value.cpu_share == pytest.approx(run.cpu_seconds / live.run.cpu_seconds)
    assert value.ne_gain == run.metrics["ne_gain"]
    assert value.ne_gain_per_cpu_second == pytest.approx(value.ne_gain / run.cpu_seconds)
    low, high = value.ne_gain_interval
    assert low < value.ne_gain < high
    answer = as_viewer.get(f"/api/v1/updates/{run.pk}").json()
    assert answer["value"]["ne_gain_interval"] == [low, high]
    assert answer["value"]["full_samples"] == live.run.samples
    assert answer["value"]["full_run"] == live.run.pk
    assert answer["value"]["cpu_share"] == pytest.approx(value.cpu_share)
    assert 0 < answer["metrics"]["coverage"] <= 1
    page = as_viewer.get(f"/runs/{run.pk}/").content.decode()
    assert f'id="run-full" href="/runs/{live.run.pk}/"' in page
    assert "Coverage" in page


def test_the_interval_is_the_gate_s_and_none_where_it_had_none():
    judged = {"ne_gain": 0.02, "ne_gain_interval": [0.016, 0.024]}
    assert Value(UpdateRun(metrics=judged), None).ne_gain_interval == (0.016, 0.024)
    assert Value(UpdateRun(metrics={"ne_gain": 0.02}), None).ne_gain_interval is None


def test_a_full_update_is_the_measure_itself(live):
    assert value_of(live.run) is None


def test_without_a_full_update_before_it_that_is_said(recommender, live, append, update, as_viewer):
    live.run.delete()
    append(recommender, 1000)
    run = update(recommender, "local", components=["upper"])
    assert value_of(run).cpu_share is None
    page = as_viewer.get(f"/runs/{run.pk}/").content.decode()
    assert "No full update was promoted before it" in page
