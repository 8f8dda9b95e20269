"""The API's measurements: freshness, metrics, sparsity."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import time_machine

from monitoring import metrics, series
from tests.updates.api.conftest import Caller
from updates.flows.roll_back import roll_back
from updates.models import ServingReport

NEWS = "recommenders/news"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def api(viewer):
    """The API as a viewer sees it, every answer held against its description."""
    return Caller(viewer)


@pytest.fixture
def news(make_recommender, valkey):
    return make_recommender("news")


def metric(api, name, **parameters):
    parameters = {
        "from": NOON.isoformat(),
        "to": (NOON + timedelta(hours=1)).isoformat(),
    } | parameters
    return api.get(f"{NEWS}/metrics?{urlencode({'name': name, **parameters})}")


def fault(response):
    assert response.status_code == 400, response.content
    return response.json()["errors"][0]["field"]


def test_without_a_live_version_the_freshness_is_unknown(api, news):
    answer = api.get(f"{NEWS}/freshness").json()
    assert (answer["state"], answer["live_version"], answer["age_seconds"]) == (
        "unknown",
        None,
        None,
    )


def test_freshness_comes_with_the_facts_it_is_computed_from(api, live, append):
    append(live.recommender, 60)
    with time_machine.travel(live.watermark + timedelta(seconds=90), tick=False):
        answer = api.get(f"{NEWS}/freshness").json()
    assert (answer["age_seconds"], answer["lag_seconds"]) == (90.0, 60.0)
    assert (answer["backlog_samples"], answer["last_offset"]) == (60, 1060)
    assert answer["state"] == "fresh"


def test_without_the_log_the_age_is_still_known(api, live, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    answer = api.get(f"{NEWS}/freshness").json()
    assert answer["age_seconds"] > 0
    assert (answer["backlog_samples"], answer["last_offset"]) == (None, None)


def test_a_process_that_refuses_a_version_is_named_with_its_reason(api, live):
    ServingReport.objects.create(
        recommender=live.recommender,
        process="web:7",
        wanted=live,
        error="Version 1 is refused.",
        reported_at=NOON,
    )
    [serving] = api.get(f"{NEWS}/freshness").json()["serving"]
    assert (serving["process"], serving["wanted"], serving["served"]) == ("web:7", 1, None)
    assert serving["error"] == "Version 1 is refused."


def test_a_metric_comes_with_unit_definition_and_points(api, news):
    series.record(news, {metrics.AGE_SECONDS: 7.0}, NOON + timedelta(minutes=5))
    answer = metric(api, "age_seconds").json()
    assert answer["points"] == [[NOON.timestamp() * 1000 + 300_000, 7.0]]
    assert (answer["name"], answer["unit"]) == ("age_seconds", "s")
    assert "watermark" in answer["definition"]


def test_a_metric_says_how_much_time_a_point_stands_for_and_what_it_comes_to(api, news):
    answer = metric(api, "age_seconds").json()
    assert (answer["resolution_seconds"], answer["aggregate"]) == (10, "mean")
    path = f"{NEWS}/metrics?name=seen_features&from=2025-03-01T00:00:00Z&to=2026-03-01T00:00:00Z"
    answer = api.get(path).json()
    assert (answer["resolution_seconds"], answer["aggregate"]) == (3600, "last")


def test_a_metric_comes_with_what_happened_meanwhile(api, live, append, update):
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    roll_back(live.recommender, to=live, reason="clicks fell")
    answer = api.get(f"{NEWS}/metrics?name=ne").json()
    assert [mark["kind"] for mark in answer["marks"]] == ["promotion", "promotion", "rollback"]
    assert "clicks fell" in answer["marks"][-1]["label"]
    assert answer["marks"][-1]["at"] <= datetime.now(UTC).timestamp() * 1000


def test_points_may_be_asked_for_no_finer_than_a_minute(api, news):
    for second, age in ((0, 10.0), (30, 20.0)):
        series.record(news, {metrics.AGE_SECONDS: age}, NOON + timedelta(seconds=second))
    answer = metric(api, "age_seconds", resolution_seconds=60).json()
    assert answer["resolution_seconds"] == 60
    assert answer["points"] == [[NOON.timestamp() * 1000, 15.0]]


@pytest.mark.parametrize("by", ["header", "parameter"])
def test_the_points_come_as_csv_with_units_and_utc_times(api, news, by):
    series.record(news, {metrics.AGE_SECONDS: 7.0}, NOON + timedelta(minutes=5))
    span = {"from": NOON.isoformat(), "to": (NOON + timedelta(hours=1)).isoformat()}
    asked = {"name": "age_seconds", **span} | ({"format": "csv"} if by == "parameter" else {})
    headers = {"Accept": "text/csv"} if by == "header" else {}
    answer = api.get(f"{NEWS}/metrics?{urlencode(asked)}", headers=headers)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    name = "news-age_seconds-20260301T120000Z-20260301T130000Z.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    lines = answer.content.decode().splitlines()
    assert lines == ["time (UTC),age_seconds (s)", "2026-03-01T12:05:00Z,7.0"]


def test_the_file_of_a_policy_s_points_is_named_after_it(api, news, make_policy):
    make_policy(news, "daily")
    answer = metric(api, "declared_cadence_seconds", label="daily", format="csv")
    assert "news-declared_cadence_seconds-daily-" in answer["Content-Disposition"]


def test_what_is_wrong_with_a_request_for_csv_is_said_as_a_problem(api, news):
    assert fault(metric(api, "no_such_metric", format="csv")) == "name"


def test_no_more_points_come_than_were_asked_for(api, news):
    for minute in range(60):
        series.record(news, {metrics.NE: 0.9}, NOON + timedelta(minutes=minute))
    assert len(metric(api, "ne").json()["points"]) == 60
    assert len(metric(api, "ne", points=10).json()["points"]) == 10


def test_a_metric_kept_by_policy_is_had_by_its_label(api, news, make_policy):
    for label, value in (("hourly", 3600.0), ("daily", 86400.0)):
        values = {metrics.DECLARED_CADENCE_SECONDS: value}
        series.record(news, values, NOON, make_policy(news, label))
    answer = metric(api, "declared_cadence_seconds", label="daily").json()
    assert {value for _, value in answer["points"]} == {86400.0}


def test_the_last_day_is_shown_unless_said_otherwise(api, news):
    with time_machine.travel(NOON, tick=False):
        answer = api.get(f"{NEWS}/metrics?name=ne").json()
    assert (answer["from"], answer["to"]) == ("2026-02-28T12:00:00Z", "2026-03-01T12:00:00Z")


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"name": "luck"}, "name"),
        ({"label": "nobody"}, "label"),
        ({"points": 1}, "points"),
        ({"points": 1001}, "points"),
        ({"points": "many"}, "points"),
        ({"from": "yesterday"}, "from"),
        ({"to": NOON.isoformat()}, "from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
    ],
)
def test_a_bad_parameter_is_named(parameters, field, api, news):
    assert fault(metric(api, **{"name": "ne"} | parameters)) == field


def test_a_metric_without_a_name_is_none(api, news):
    assert fault(api.get(f"{NEWS}/metrics")) == "name"


def test_sparsity_is_that_of_the_live_version_and_its_past(api, live):
    answer = api.get(f"{NEWS}/sparsity").json()
    assert answer["version"] == 1
    assert answer["sparsity"] == live.sparsity
    newest = {name: points[-1][1] for name, points in answer["series"].items() if points}
    assert newest["non_zero_weights"] == live.sparsity["non_zero"]


def test_without_a_live_version_there_is_no_sparsity(api, news):
    answer = api.get(f"{NEWS}/sparsity").json()
    assert (answer["version"], answer["sparsity"]) == (None, None)
