"""What is trained and served elsewhere is measured as any other, from what its team logs."""

import re
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from monitoring import metrics, series, sketches, tasks
from monitoring.drift_report import report
from monitoring.fleet import fleet_freshness
from monitoring.models import LiveScoring
from monitoring.sketches import PREDICTION
from tests.conftest import make_batch
from tests.monitoring.conftest import text
from updates.flows.append_samples import append_samples
from updates.flows.follow_predictions import follow_predictions
from updates.flows.report_version import ReportedVersion, report_version
from updates.metrics import quality
from updates.samples.log import SampleLog
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("device",),
    numeric=("price",),
    prediction="score",
    version="model",
)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ours(make_recommender, valkey):
    return make_recommender("ours", "monitored", schema=SCHEMA)


def rows(count, model="v1", ago=timedelta(seconds=1), items="i", seed=0, told=1.0):
    """Predictions with their labels, made so long ago; a share ``told`` of them with features."""
    random = np.random.default_rng(seed)
    now = timezone.now()
    found = []
    for number, score in enumerate(random.uniform(0.1, 0.6, count).tolist()):
        row = {
            "label": int(random.random() < score),
            "event_time": now - ago,
            "user": f"u{number % 20}",
            "item": f"{items}{number % 30}",
            "score": score,
            "model": model,
        }
        if number < told * count:
            row |= {"device": ("phone", "desktop")[number % 2], "price": float(number % 10)}
        found.append(row)
    return found


def send(recommender, found, ago=timedelta(0)):
    last = SampleLog(recommender).head().last_offset
    batch, arrived_at = make_batch(found, schema=SCHEMA), timezone.now() - ago
    append_samples(recommender, batch, batch_id=f"after-{last}", arrived_at=arrived_at)


def reported(recommender, name="v1", age=timedelta(seconds=0)):
    version, _ = report_version(recommender, ReportedVersion(name, timezone.now() - age))
    return version


def points(recommender, name):
    now = timezone.now()
    return [value for _, value in series.read(recommender, name, now - MINUTE, now + MINUTE)]


def test_logged_predictions_are_judged_by_their_labels(ours):
    sent = rows(400)
    send(ours, [*sent, *({**row, "score": None} for row in rows(50, seed=1))])
    tasks.observe()
    labels, scores = (np.array([row[key] for row in sent]) for key in ("label", "score"))
    expected = quality(labels.astype(float), scores)
    for name in ("ne", "log_loss", "auc", "calibration"):
        # The area is counted in cells of the score.
        assert points(ours, name) == [pytest.approx(getattr(expected, name), rel=1e-3)]


def test_those_are_judged_too_whose_samples_the_version_has_learned_since(ours):
    send(ours, rows(200))
    reported(ours)
    tasks.observe()
    assert len(points(ours, "ne")) == 1


def test_samples_without_a_prediction_are_passed_over(ours):
    send(ours, [{**row, "score": None} for row in rows(100)])
    tasks.observe()
    assert points(ours, "ne") == []
    assert LiveScoring.objects.get(recommender=ours).next_offset == 101


def test_an_external_model_whose_servers_log_what_they_predict_is_judged_alike(
    make_recommender, valkey
):
    external = make_recommender("theirs", "external", schema=SCHEMA)
    send(external, rows(200))
    tasks.observe()
    assert len(points(external, "calibration")) == 1


def test_its_age_counts_from_the_watermark_of_what_its_predictions_name(ours):
    reported(ours, "v1", timedelta(minutes=30))
    reported(ours, "v2", timedelta(minutes=5))
    send(ours, rows(10, "v1"))
    now = timezone.now()
    assert fleet_freshness([ours], now)[ours.pk].age_seconds == pytest.approx(1800, abs=5)
    send(ours, rows(200, "v2"))
    assert fleet_freshness([ours], now)[ours.pk].age_seconds == pytest.approx(300, abs=5)


def test_of_a_version_that_was_not_reported_the_age_is_not_known(ours, as_viewer):
    reported(ours, "v1")
    send(ours, rows(10, "v9"))
    assert fleet_freshness([ours], timezone.now())[ours.pk].state == "unknown"
    page = text(as_viewer.get("/recommenders/ours/"))
    assert "100.0 % of the latest predictions are of “v9”, which was not reported" in page


def test_what_arrives_is_held_against_what_the_live_version_has_learned(ours):
    earlier = timedelta(minutes=10)
    send(ours, rows(1500, ago=earlier), ago=earlier)
    reported(ours, "v1", timedelta(minutes=5))
    send(ours, rows(1500, items="new", seed=3))
    follow_predictions(timezone.now())
    tasks.observe_drift()
    ours.refresh_from_db()
    found = report(ours, timezone.now())
    news = {drift.feature: drift.new_value_rate for drift in found.features}
    assert news == {"user": 0, "item": 1, "device": 0, "price": 0}
    assert found.prediction.psi < found.prediction.psi_by_chance
    # User and device are known, the item is new.
    assert points(ours, metrics.COVERAGE) == [pytest.approx(2 / 3)]


def test_rows_without_features_are_not_said_to_miss_them(ours):
    send(ours, rows(1000, told=0.1))
    sketches.follow(ours, 1000)
    [kept] = ours.sketched_ranges.all()
    found = sketches.merged([kept])
    assert (found["device"].present, found["device"].missing) == (100, 0)
    assert (found["price"].present, found["price"].missing) == (100, 0)
    assert found["item"].present == 1000
    assert found[PREDICTION].present == 1000


def test_its_card_in_the_fleet_is_like_any_other_s(ours, as_operator):
    send(ours, rows(400))
    reported(ours)
    follow_predictions(timezone.now())
    tasks.observe()
    page = text(as_operator.get("/"))
    [ne] = points(ours, "ne")
    # State, age against its objective, lag, backlog, NE, and who updates it.
    shown = rf"ours · monitored idle \S+ \w+ of 1 h \+ 10 min 0 s 0 {ne:.4f} v1 reported .+ else"
    assert re.search(shown, page), page


def test_its_page_offers_nothing_that_is_done_elsewhere(ours, as_admin):
    send(ours, rows(400))
    version = reported(ours)
    follow_predictions(timezone.now())
    page = text(as_admin.get("/recommenders/ours/"))
    assert "trained and served elsewhere" in page
    assert "Promoted by its own servers: 100 % of the latest predictions are of it" in page
    for offer in ("Trigger an update", "Add a policy", "Optimality gap"):
        assert offer not in page
    page = text(as_admin.get(f"/recommenders/ours/versions/{version.number}/"))
    assert "its own trainer, reported" in page
    for offer in ("Promote", "Roll back", "Try it"):
        assert offer not in page


def test_nothing_here_remedies_a_backlog_of_it(ours, as_operator):
    reported(ours, age=timedelta(days=2))
    send(ours, rows(10))
    page = text(as_operator.get("/"))
    assert "backlog" in page
    assert "Update…" not in page
