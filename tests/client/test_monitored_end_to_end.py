"""Predictions, labels and versions of a model that is served elsewhere, as the page shows it."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from tests.test_docs import DOCS
from updates.flows.follow_predictions import follow_predictions
from updates.flows.join import join
from updates.samples.log import SampleLog
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user", item="item", categorical=("device",), prediction="score", version="model"
)
# A disk that others keep busy may take its time.
LONGEST_SECONDS = 60.0


@pytest.fixture
def ranker(transactional_db, make_recommender):
    """A recommender whose labels come within a second."""
    seconds = {"join_window_seconds": 1, "early_feedback_seconds": 1}
    return make_recommender("ranker", "monitored", schema=SCHEMA, **seconds)


@pytest.fixture
def example(ranker, client, tmp_path):
    """What the page's example defines, run before the real application."""
    text = (DOCS / "python-client.md").read_text()
    [code] = re.findall(r"```python\n(from datetime.*?)```", text, re.S)
    names = {"client": client, "newest_learned": timezone.now() - timedelta(minutes=1)}
    exec(code.replace("/var/spool/recadmin", str(tmp_path)), names)
    return SimpleNamespace(**names)


def test_what_the_page_logs_and_reports_is_judged_and_live(example, ranker, client):
    # The example's hash chooses r4 to be logged with features.
    for request in ("r4", "r1"):
        example.served(request, "u1", ["a", "b"], [{"device": "phone"}] * 2, [0.25, 0.5])
    example.clicked("r4", "a")
    assert example.predictions.flush(LONGEST_SECONDS)
    assert example.labels.flush(LONGEST_SECONDS)
    example.ended()

    join(ranker, timezone.now() + timedelta(seconds=2))
    [batch] = SampleLog(ranker).read(1, 10)
    rows = batch.select(["label", "item", "device", "score", "model"]).to_pylist()
    assert sorted(tuple(row.values()) for row in rows if row["device"]) == [
        (0, "b", "phone", 0.5, "nightly-17"),
        (1, "a", "phone", 0.25, "nightly-17"),
    ]
    assert sorted(tuple(row.values()) for row in rows if not row["device"]) == [
        (0, "a", None, 0.25, "nightly-17"),
        (0, "b", None, 0.5, "nightly-17"),
    ]
    follow_predictions(timezone.now())
    fresh = client.recommender("ranker").freshness()
    assert (fresh.live_version, fresh.watermark) == (1, example.newest_learned)
