"""Alarms on drift from end to end: an episode each, and policies that fire because of it."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from monitoring.drift.adwin import Adwin
from monitoring.drift_alarms import loss_moved
from monitoring.models import DriftEpisode
from monitoring.tasks import observe_drift
from tests.updates.flows.conftest import learnable_rows
from updates.flows.append_samples import append_samples
from updates.models import UpdateRun
from updates.samples.log import SampleLog

MINUTE = timedelta(minutes=1)


@pytest.fixture
def news(live):
    """Has learned a thousand samples, each on a phone; an update is due when they drift."""
    live.recommender.policies.create(
        name="on-drift", strategy="incremental", trigger="drift", rest_seconds=3_600
    )
    observe_drift()
    return live.recommender


@pytest.fixture
def pass_minutes(news, make_batch):
    """``pass_minutes(count, device)``: so many, each with 300 samples on that device, looked at."""
    began = timezone.now()
    passed = iter(range(1, 1_000))

    def go_on(count, device):
        for _ in range(count):
            now = began + next(passed) * MINUTE
            first = SampleLog(news).head().last_offset
            rows = [row | {"device": device} for row in learnable_rows(300, first)]
            with time_machine.travel(now, tick=False):
                append_samples(news, make_batch(rows), batch_id=f"from-{first}", arrived_at=now)
                observe_drift()

    return go_on


def test_a_drift_begins_one_episode_and_one_run_that_names_the_feature_and_its_figures(
    news, pass_minutes
):
    pass_minutes(3, "phone")
    pass_minutes(12, "watch")
    episode = DriftEpisode.objects.get(feature="device")
    assert episode.ended is None
    assert episode.measured.startswith("device: ")
    run = UpdateRun.objects.get(policy__name="on-drift")
    newest = DriftEpisode.objects.order_by("-began", "-pk")
    assert run.reason in newest.values_list("measured", flat=True)
    assert "%" in run.reason or "PSI" in run.reason
    assert run.coalesced_fires == 0


def test_while_nothing_drifts_nothing_fires(news, pass_minutes):
    pass_minutes(12, "phone")
    assert not DriftEpisode.objects.filter(feature="device").exists()


def test_an_episode_ends_with_its_alarm(db, make_recommender):
    news, adwin, now = make_recommender("news"), Adwin(), timezone.now()
    adwin.update([0.7] * 8)
    loss_moved(news, adwin, 1, now)
    loss_moved(news, adwin, 1, now + MINUTE)
    episode = DriftEpisode.objects.get()
    assert (episode.began, episode.ended) == (now, None)
    assert "to 0.7000 over the last 8" in episode.measured
    loss_moved(news, adwin, -1, now + 2 * MINUTE)
    assert DriftEpisode.objects.get().ended == now + 2 * MINUTE
