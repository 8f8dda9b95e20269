"""An alarm is settled by what the loss did around it, once."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from monitoring.models import DriftEpisode
from monitoring.quality import losses
from monitoring.scorecard.episodes import ALWAYS, begin
from monitoring.scorecard.settle import settle

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ALARM = timezone.now().replace(minute=30, second=0, microsecond=0) - 10 * HOUR
LATER = ALARM + 2 * HOUR + 2 * MINUTE


@pytest.fixture
def news(db, make_recommender):
    return make_recommender("news")


@pytest.fixture
def episode(news):
    begin(news, "device", "device: Drifted.", ALARM)
    return DriftEpisode.objects.get()


def judge(of, rises_at=None, until=LATER, per_minute=20):
    """Minutes from three hours before the alarm on; the labels turn at some minute."""
    rng = np.random.default_rng(3)
    for number in range(int((until - ALARM + 3 * HOUR) / MINUTE)):
        at = ALARM - 3 * HOUR + number * MINUTE
        rate = 0.5 if rises_at and at >= rises_at else 0.2
        labels = (rng.uniform(size=per_minute) < rate).astype(float)
        losses.add(of, labels, np.full(per_minute, 0.2), at)


def settled(episode, now=LATER):
    settle(now)
    episode.refresh_from_db()
    return episode


def test_an_alarm_is_true_where_the_loss_rose_and_its_delay_is_from_there(news, episode):
    judge(news, rises_at=ALARM - 20 * MINUTE)
    assert settled(episode).verdict == "true"
    assert episode.delay_seconds == pytest.approx(20 * 60, abs=120)
    assert episode.settled_at == LATER


def test_a_loss_that_rises_after_the_alarm_makes_it_true_with_a_delay_below_zero(news, episode):
    judge(news, rises_at=ALARM + 30 * MINUTE)
    assert settled(episode).verdict == "true"
    assert episode.delay_seconds == pytest.approx(-30 * 60, abs=120)


def test_an_alarm_is_false_where_the_loss_stayed(news, episode):
    judge(news)
    assert settled(episode).verdict == "false"
    assert episode.delay_seconds is None


def test_before_the_horizon_has_passed_nothing_is_settled(news, episode):
    judge(news, rises_at=ALARM - 20 * MINUTE)
    assert settled(episode, LATER - 3 * MINUTE).settled_at is None


def test_with_too_few_samples_it_is_never_settled_either_way(news, episode):
    judge(news, per_minute=0)
    assert settled(episode).verdict == "unsettled"
    assert episode.settled_at == LATER


def test_a_deployment_cuts_the_time_off_in_which_the_loss_can_tell(news, episode, make_live):
    make_live(news, started_at=ALARM + 10 * MINUTE)
    judge(news, rises_at=ALARM + 30 * MINUTE)
    assert settled(episode).verdict == "unsettled"


def test_a_deployment_that_was_routine_cuts_nothing_off(news, episode, make_live, make_policy):
    make_live(news, started_at=ALARM + 10 * MINUTE)
    run = news.runs.create(policy=make_policy(news), strategy="incremental", components=["weights"])
    news.deployments.update(run=run)
    judge(news, rises_at=ALARM + 30 * MINUTE)
    assert settled(episode).verdict == "true"


def test_what_the_loss_had_told_before_a_deployment_counts(news, episode, make_live):
    make_live(news, started_at=ALARM + 10 * MINUTE)
    judge(news, rises_at=ALARM - 20 * MINUTE)
    assert settled(episode).verdict == "true"


def test_settling_again_changes_nothing(news, episode):
    judge(news)
    settled(episode)
    judge(news, rises_at=ALARM - 20 * MINUTE)
    assert settled(episode, LATER + HOUR).settled_at == LATER
    assert episode.verdict == "false"


def test_beside_the_alarms_one_always_goes_off_where_anything_is_judged(news, make_recommender):
    make_recommender("silent")
    judge(news)
    for _ in range(2):
        settle(ALARM)
    dummy = DriftEpisode.objects.get()
    assert (dummy.recommender, dummy.feature) == (news, ALWAYS)


def test_an_alarm_that_is_on_begins_no_second_episode(news, episode):
    begin(news, "device", "device: Drifted.", LATER)
    assert DriftEpisode.objects.count() == 1
