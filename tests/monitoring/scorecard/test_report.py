"""The scorecard: of one recommender and of the fleet, in the API and on the page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.drift_report import LOG_LOSS
from monitoring.models import DriftEpisode
from monitoring.scorecard.episodes import ALWAYS
from monitoring.scorecard.report import scorecard
from tests.monitoring.conftest import text
from tests.updates.api.conftest import Caller

NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.fixture
def news(db, make_recommender):
    return make_recommender("news")


@pytest.fixture
def alarm(news):
    """``alarm(feature, hours, verdict, …)``: one that began so many hours ago."""

    def make(feature, hours, verdict="unsettled", delay=None, of=news):
        began = NOW - hours * HOUR
        return DriftEpisode.objects.create(
            recommender=of,
            feature=feature,
            began=began,
            ended=began + HOUR / 2,
            measured=f"{feature}: Drifted.",
            settled_at=None if verdict == "unsettled" else NOW,
            verdict=verdict,
            delay_seconds=delay,
        )

    return make


def test_precision_is_of_settled_alarms_beside_that_of_one_always_on(news, alarm):
    alarm("device", 10, "true", 600)
    alarm("price", 20, "true", 1_200)
    alarm("item", 30, "false")
    alarm("user", 1)
    for hours, verdict in ((12, "true"), (14, "false"), (16, "false"), (18, "false")):
        alarm(ALWAYS, hours, verdict)
    drift, loss, always = scorecard(NOW, news).scores
    assert (drift.alarms, drift.unsettled) == (4, 1)
    assert drift.precision == pytest.approx(2 / 3)
    assert drift.mean_delay_seconds == 900
    assert (loss.alarms, loss.precision) == (0, None)
    assert always.precision == 0.25


def test_a_rise_of_the_loss_without_an_alarm_of_drift_is_a_miss(news, alarm):
    alarm(LOG_LOSS, 10, "true", 0)
    alarm("device", 11, "true", 0)
    alarm(LOG_LOSS, 20, "true", 0)
    alarm(LOG_LOSS, 1)  # an alarm may still come
    found = scorecard(NOW, news)
    assert (found.loss_rises, found.foretold, found.recall) == (2, 1, 0.5)


def test_without_rises_recall_is_not_known(news, alarm):
    alarm("device", 11, "false")
    assert scorecard(NOW, news).recall is None


def test_an_alarm_of_another_recommender_foretells_nothing(news, alarm, make_recommender):
    alarm(LOG_LOSS, 10, "true", 0)
    alarm("device", 10, "true", 0, of=make_recommender("music"))
    assert scorecard(NOW).foretold == 0


def test_the_api_answers_for_one_and_for_the_fleet(news, alarm, viewer, make_recommender):
    alarm("device", 10, "true", 600)
    alarm(LOG_LOSS, 9, "false")
    alarm(ALWAYS, 8, "false")
    alarm("device", 7, "false", of=make_recommender("music"))
    api = Caller(viewer)
    one = api.get("recommenders/news/drift/scorecard").json()
    fleet = api.get("drift/scorecard").json()
    assert [each["feature"] for each in one["episodes"]] == ["log loss", "device"]
    assert (one["scores"][0]["precision"], fleet["scores"][0]["precision"]) == (1.0, 0.5)
    assert "episodes" not in fleet


def test_the_page_shows_it_beside_chance(news, alarm, as_viewer, valkey):
    alarm("device", 10, "true", 600)
    alarm("price", 5, "true", -300)
    words = text(as_viewer.get("/recommenders/news/drift/"))
    assert "nothing: by chance" in words
    assert "10 min after the rise" in words
    assert "5 min before the rise" in words
    assert "ADWIN saw no rise of the log loss" in words
