"""Feature freshness: carried by requests, counted over processes, never mixed with the model's."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from monitoring import feature_ages, metrics, series
from monitoring.tasks import observe
from tests.monitoring.conftest import NOW, text
from tests.updates.api.conftest import Caller

SCORE, IMPRESSIONS = "recommenders/news/score", "recommenders/news/impressions"
ROW = {"item": "i1", "user": "u1"}


@pytest.fixture
def as_caller(viewer):
    return Caller(viewer)


def ago(**length):
    return (timezone.now() - timedelta(**length)).isoformat()


def ages(recommender, now=NOW):
    return {age.name: age for age in feature_ages.recent(recommender, now)}


def test_a_request_for_scores_tells_how_old_its_features_are(as_caller, live):
    body = {"rows": [ROW, ROW], "feature_times": {"price": ago(minutes=5), "device": ago(hours=2)}}
    assert as_caller.post(SCORE, body).status_code == 200
    found = ages(live.recommender, timezone.now())
    assert list(found) == ["device", "price"]
    assert found["price"].p50_seconds == pytest.approx(300, rel=0.02)
    assert found["price"].rows == 2


def test_what_a_request_does_not_say_is_not_made_up(as_caller, live):
    as_caller.post(SCORE, {"rows": [ROW]})
    assert ages(live.recommender, timezone.now()) == {}


def test_impressions_and_samples_carry_it_in_a_header(as_operator_by_token, live):
    shown = {"impression": "a", "event_time": ago(seconds=1), **ROW}
    header = {"Feature-Times": f'{{"price": "{ago(minutes=1)}"}}'}
    for path, row in (
        (IMPRESSIONS, shown),
        ("recommenders/news/samples", {"label": 1, "event_time": ago(seconds=1), **ROW}),
    ):
        assert as_operator_by_token.post(path, [row], headers=header).status_code == 202
    assert ages(live.recommender, timezone.now())["price"].rows == 2


@pytest.fixture
def as_operator_by_token(operator):
    return Caller(operator)


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"colour": "2026-03-01T12:00:00Z"}, "feature_times.colour"),
        ({"price": "2999-01-01T00:00:00Z"}, "feature_times.price"),
        ({"price": "yesterday"}, "feature_times.price"),
    ],
)
def test_a_time_that_cannot_be_is_refused_by_its_feature(times, field, as_caller, live):
    answer = as_caller.post(SCORE, {"rows": [ROW], "feature_times": times})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("header", ["[1]", "{", '{"price": 7}', '{"colour": "2026-03-01T12:00Z"}'])
def test_a_header_that_cannot_be_read_stores_nothing(header, as_operator_by_token, live):
    row = {"label": 1, "event_time": ago(seconds=1), **ROW}
    answer = as_operator_by_token.post(
        "recommenders/news/samples", [row], headers={"Feature-Times": header}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("Feature-Times")


def test_processes_are_counted_together_and_kept_as_a_series_a_feature(live):
    news = live.recommender
    feature_ages.count(news.pk, {"price": 10.0}, 60, NOW)
    feature_ages.count(news.pk, {"price": 100.0}, 40, NOW + timedelta(seconds=4))
    with time_machine.travel(NOW + timedelta(seconds=12), tick=False):
        observe()
    for name, seconds in (
        (metrics.FEATURE_AGE_P50_SECONDS, 10),
        (metrics.FEATURE_AGE_P95_SECONDS, 100),
    ):
        [(_, value)] = series.read(
            news, name, NOW - timedelta(minutes=1), NOW + timedelta(minutes=1), part="price"
        )
        assert value == pytest.approx(seconds, rel=0.02)


@pytest.mark.parametrize(("objective", "state"), [(None, ""), (60, "stale"), (600, "fresh")])
def test_at_most_one_row_in_twenty_may_be_older_than_the_objective(objective, state, live, valkey):
    live.recommender.feature_objective_seconds = objective
    feature_ages.count(live.recommender.pk, {"price": 100.0}, 10, NOW)
    feature_ages.count(live.recommender.pk, {"price": 5000.0}, 0, NOW)
    assert ages(live.recommender)["price"].state == state


def test_what_is_older_than_ten_minutes_is_not_now(live, valkey):
    feature_ages.count(live.recommender.pk, {"price": 1.0}, 1, NOW - timedelta(minutes=11))
    assert ages(live.recommender) == {}


def test_page_and_api_show_it_beside_the_model_s_freshness(as_viewer, as_caller, live):
    as_caller.post(SCORE, {"rows": [ROW], "feature_times": {"price": ago(minutes=5)}})
    words = text(as_viewer.get("/recommenders/news/features/"))
    assert "price" in words
    assert "The model itself is" in words
    [told] = as_viewer.get("/api/v1/recommenders/news/freshness").json()["features"]
    assert (told["name"], told["rows"], told["state"]) == ("price", 1, "")


def test_without_a_time_the_page_says_how_to_send_it(as_viewer, live):
    assert "Feature-Times" in text(as_viewer.get("/recommenders/news/features/"))
