"""What is trained and served elsewhere, over the API: predictions, labels, versions."""

from datetime import timedelta

import pytest
from django.utils import timezone

from updates.flows.join import join
from updates.samples.log import SampleLog
from updates.samples.schema import SampleSchema

OURS = "recommenders/ours"
SCHEMA = SampleSchema(item="item", categorical=("device",), prediction="score", version="model")
VERSION = {"name": "nightly", "watermark": "2026-01-01T00:00:00Z", "metrics": {"auc": 0.71}}


@pytest.fixture
def ours(make_recommender, valkey):
    return make_recommender("ours", "monitored", schema=SCHEMA)


def now(seconds=0):
    return (timezone.now() + timedelta(seconds=seconds)).isoformat()


def prediction(name, **fields):
    row = {"impression": name, "event_time": now(), "item": name, "score": 0.25, "model": "nightly"}
    return row | fields


def test_a_version_is_reported_once(as_operator, ours):
    first = as_operator.post(f"{OURS}/versions", VERSION)
    assert first.status_code == 201
    said = first.json()
    assert (said["number"], said["name"], said["state"]) == (1, "nightly", "candidate")
    assert said["metrics"]["reported"] == {"auc": 0.71}
    again = as_operator.post(f"{OURS}/versions", VERSION)
    assert (again.status_code, again.json()) == (200, said)
    assert as_operator.get(f"{OURS}/versions/1").json() == said


def test_the_same_name_for_another_model_is_refused(as_operator, ours):
    as_operator.post(f"{OURS}/versions", VERSION)
    other = as_operator.post(f"{OURS}/versions", VERSION | {"watermark": "2026-01-02T00:00:00Z"})
    assert other.status_code == 409
    assert other.json()["type"].endswith("version-conflict")
    assert other.json()["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"watermark": "3026-01-01T00:00:00Z"}, "watermark"),
        ({"watermark": "yesterday"}, "watermark"),
        ({"name": ""}, "name"),
        ({"name": "x\u0007"}, "name"),
        ({"metrics": {"ne": "NaN"}}, "metrics"),
        ({"metrics": {f"m{i}": 0.0 for i in range(300)}}, "metrics"),
        ({"sha256": "abc", "uri": "s3://m"}, "sha256"),
        ({"sha256": "0" * 64}, "uri"),
        ({"trained_since": "2026-01-03T00:00:00Z"}, "trained_since"),
        ({"live": True}, "live"),
    ],
)
def test_a_report_that_cannot_be_names_the_field(as_operator, ours, wrong, field):
    answer = as_operator.post(f"{OURS}/versions", VERSION | wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not ours.versions.exists()


def test_predictions_and_labels_become_samples_that_say_what_was_predicted(
    as_operator, ours, settings
):
    ours.join_window_seconds = ours.early_feedback_seconds = 1
    ours.save()
    rows = [prediction("a", device="phone"), prediction("b", score=None, model=None)]
    shown = as_operator.post(f"{OURS}/impressions", rows)
    assert shown.json()["accepted"] == 2
    as_operator.post(f"{OURS}/feedback", [{"impression": "a", "event_time": now(1)}])
    join(ours, timezone.now() + timedelta(seconds=2))
    [batch] = SampleLog(ours).read(1, 10)
    assert batch.select(["label", "item", "device", "score", "model"]).to_pylist() == [
        {"label": 1, "item": "a", "device": "phone", "score": 0.25, "model": "nightly"},
        {"label": 0, "item": "b", "device": None, "score": None, "model": None},
    ]


@pytest.mark.parametrize("score", [-0.1, 1.5, "high"])
def test_what_is_no_probability_is_refused_with_its_row(as_operator, ours, score):
    rows = [prediction("a"), prediction("b", score=score)]
    answer = as_operator.post(f"{OURS}/impressions", rows).json()
    assert answer["accepted"] == 1
    [refused] = answer["rejected"]
    assert (refused["row"], refused["field"]) == (1, "score")


def test_the_freshness_says_what_the_latest_predictions_name(as_operator, ours):
    as_operator.post(f"{OURS}/impressions", [prediction(f"n{i}") for i in range(3)])
    as_operator.post(f"{OURS}/impressions", [prediction("x", model="other")])
    fresh = as_operator.get(f"{OURS}/freshness").json()
    assert fresh["state"] == "unknown"
    assert fresh["predicted_by"] == [
        {"name": "nightly", "share": 0.75, "version": None},
        {"name": "other", "share": 0.25, "version": None},
    ]
    as_operator.post(f"{OURS}/versions", VERSION | {"watermark": now(-60)})
    fresh = as_operator.get(f"{OURS}/freshness").json()
    assert fresh["predicted_by"][0] == {"name": "nightly", "share": 0.75, "version": 1}
    assert 60 <= fresh["age_seconds"] < 120


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("score", {"rows": [{"item": "a"}]}, "trained-elsewhere"),
        ("updates/claim", {}, "not-pulled"),
        ("versions/1/promote", {"reason": "x"}, "follows-predictions"),
        ("rollback", {"to": 1, "reason": "x"}, "follows-predictions"),
    ],
)
def test_what_is_done_elsewhere_is_refused_here(as_operator, ours, path, body, kind):
    as_operator.post(f"{OURS}/versions", VERSION)
    answer = as_operator.post(f"{OURS}/{path}", body)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (409, kind)


def test_nothing_updates_it_from_here(as_admin, ours):
    policy = {"name": "daily", "strategy": "full", "trigger": "manual"}
    for path, body in (("policies", policy), ("updates", {"strategy": "full"})):
        answer = as_admin.post(f"{OURS}/{path}", body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "strategy"


def test_where_recadmin_predicts_no_predictions_are_logged(as_admin):
    body = {"slug": "x", "name": "X", "learner": "sparse_linear", "schema": SCHEMA.to_json()}
    answer = as_admin.post("recommenders", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "schema"
