"""…/drift: now against what the live version learned, or any span against any other."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from monitoring.drift.adwin import Adwin
from monitoring.drift_alarms import loss_moved
from monitoring.models import DriftAlarm
from monitoring.tasks import observe_drift
from tests.monitoring.conftest import text
from tests.updates.api.conftest import Caller
from updates.flows.append_samples import append_samples
from updates.samples.log import SampleLog

DRIFT = "recommenders/news/drift"
# Ranges of the last hours are not put together yet.
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=4)


@pytest.fixture
def api(viewer):
    """The API as a viewer sees it, every answer held against its description."""
    return Caller(viewer)


@pytest.fixture
def arrive(valkey, make_batch):
    """``arrive(of, count, at, **changed)``: samples with the changed values, sketched."""

    def append(of, count, at, **changed):
        rows = [
            {"label": i % 2, "user": f"u{i % 9}", "item": f"i{i % 5}", "device": "phone"} | changed
            for i in range(count)
        ]
        first = SampleLog(of).head().last_offset
        append_samples(of, make_batch(rows), batch_id=f"from-{first}", arrived_at=at)
        observe_drift()

    return append


@pytest.fixture
def news(transactional_db, valkey, make_recommender, make_live, arrive):
    """Has learned 2,000 samples, each on a phone."""
    recommender = make_recommender("news")
    arrive(recommender, 2_000, NOON)
    make_live(
        recommender, learned_ranges=[{"first_offset": 1, "last_offset": 2_000}], next_offset=2_001
    )
    return recommender


def test_what_changed_comes_first_and_is_said_in_a_sentence(api, news, arrive):
    arrive(news, 1_500, NOON + timedelta(hours=2), device="watch")
    answer = api.get(DRIFT).json()
    first = answer["features"][0]
    assert (first["feature"], first["verdict"], first["new_value_rate"]) == ("device", "drifted", 1)
    assert first["sentence"].startswith(("Drifted", "100 %"))
    assert first["contribution"] > 0.9
    assert {b["label"]: (b["now"], b["against"]) for b in first["bins"]} == {
        "phone": (0, 1),
        "watch": (1, 0),
    }
    assert answer["version"] == 1
    assert (answer["now"]["first_offset"], answer["against"]["last_offset"]) == (2_001, 2_000)


def test_what_did_not_change_is_stable_and_so_is_the_label(api, news, arrive):
    arrive(news, 1_500, NOON + timedelta(hours=2), device="watch")
    answer = api.get(DRIFT).json()
    verdicts = {found["feature"]: found["verdict"] for found in answer["features"]}
    assert (verdicts["user"], verdicts["item"]) == ("stable", "stable")
    assert answer["label"]["verdict"] == "stable"


def test_any_span_is_compared_with_any_other(api, news, arrive):
    arrive(news, 1_500, NOON + timedelta(hours=2), device="watch")
    hour = timedelta(hours=1)
    spans = {
        "from": NOON - hour,
        "to": NOON + hour,
        "against_from": NOON + hour,
        "against_to": NOON + 3 * hour,
    }
    asked = urlencode({name: at.isoformat() for name, at in spans.items()})
    answer = api.get(f"{DRIFT}?{asked}").json()
    assert answer["version"] is None
    assert (answer["now"]["last_offset"], answer["against"]["first_offset"]) == (2_000, 2_001)
    assert answer["features"][0]["feature"] == "device"


def test_a_promotion_makes_what_it_learned_the_reference(api, news, arrive, make_live):
    arrive(news, 1_500, NOON + timedelta(hours=2), device="watch")
    make_live(
        news, learned_ranges=[{"first_offset": 2_001, "last_offset": 3_500}], next_offset=3_501
    )
    arrive(news, 1_500, NOON + timedelta(hours=3), device="watch")
    answer = api.get(DRIFT).json()
    assert answer["version"] == 2
    assert {found["verdict"] for found in answer["features"]} == {"stable"}


def test_without_samples_or_versions_it_says_what_to_do(api, make_recommender, valkey, arrive):
    empty = make_recommender("news")
    assert "sketches follow the log" in api.get(DRIFT).json()["missing"]
    arrive(empty, 10, NOON)
    assert "Run a full update" in api.get(DRIFT).json()["missing"]


def test_a_span_that_ends_before_it_begins_is_refused(api, news):
    answer = api.get(f"{DRIFT}?{urlencode({'from': NOON.isoformat(), 'to': NOON.isoformat()})}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "from"


def test_the_page_ranks_features_with_their_verdicts(as_viewer, news, arrive):
    arrive(news, 1_500, NOON + timedelta(hours=2), device="watch")
    words = text(as_viewer.get("/recommenders/news/drift/"))
    assert words.index("device") < words.index("user")
    assert "against what version 1 has learned" in words
    assert "drifted" in words


def test_the_page_says_why_there_is_nothing_to_compare(as_viewer, make_recommender, valkey):
    make_recommender("news")
    page = as_viewer.get("/recommenders/news/").content.decode()
    assert 'hx-get="/recommenders/news/drift/"' in page
    part = text(as_viewer.get("/recommenders/news/drift/"))
    assert "sketches follow the log every minute" in part


def test_an_alarm_is_shown_while_it_fires(api, news, arrive):
    DriftAlarm.objects.create(recommender=news, feature="device", firing_since=NOON)
    arrive(news, 1_500, NOON + timedelta(hours=2), device="watch")
    first = api.get(DRIFT).json()["features"][0]
    assert first["alarm_since"] == NOON.isoformat().replace("+00:00", "Z")


def test_what_the_live_version_predicts_is_compared_too(api, live, make_batch):
    for at in (NOON, NOON + timedelta(hours=2)):
        first = SampleLog(live.recommender).head().last_offset
        rows = [{"label": i % 2, "item": f"i{i % 20}", "device": "phone"} for i in range(1_500)]
        batch = make_batch(rows)
        append_samples(live.recommender, batch, batch_id=f"from-{first}", arrived_at=at)
        observe_drift()
    learned = {"first_offset": 1, "last_offset": 2_500}
    type(live).objects.filter(pk=live.pk).update(learned_ranges=[learned], next_offset=2_501)
    prediction = api.get(DRIFT).json()["prediction"]
    assert prediction["rows"] == 1_500
    assert prediction["verdict"] in ("stable", "slight")


def test_a_risen_log_loss_is_told_until_it_has_fallen(api, as_viewer, news):
    assert api.get(DRIFT).json()["loss_rose_at"] is None
    loss_moved(news, Adwin(), 1, NOON)
    loss_moved(news, Adwin(), 1, NOON + timedelta(hours=1))
    assert api.get(DRIFT).json()["loss_rose_at"] == NOON.isoformat().replace("+00:00", "Z")
    assert "The log loss of what is live has risen" in text(
        as_viewer.get("/recommenders/news/drift/")
    )
    loss_moved(news, Adwin(), -1, NOON + timedelta(hours=2))
    assert api.get(DRIFT).json()["loss_rose_at"] is None
