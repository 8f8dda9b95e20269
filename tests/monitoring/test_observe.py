"""Every ten seconds: freshness of all, quality of what is live."""

from datetime import timedelta

from django.utils import timezone

from monitoring import series
from monitoring.tasks import observe


def recorded(recommender, name):
    now = timezone.now() + timedelta(seconds=1)
    return [v for _, v in series.read(recommender, name, now - timedelta(hours=1), now)]


def test_it_records_age_lag_and_backlog(live, append):
    append(live.recommender, 60)
    observe()
    assert recorded(live.recommender, "backlog_samples") == [60]
    assert recorded(live.recommender, "lag_seconds") == [60.0]
    (age,) = recorded(live.recommender, "age_seconds")
    assert 0 <= (timezone.now() - live.watermark).total_seconds() - age < 60


def test_without_a_live_version_only_the_backlog_is_known(recommender):
    observe()
    assert recorded(recommender, "backlog_samples") == [1000]
    assert recorded(recommender, "age_seconds") == []


def test_it_judges_what_arrived(live, append):
    append(live.recommender, 100)
    observe()
    assert recorded(live.recommender, "ne")


def test_a_model_that_cannot_be_read_does_not_hide_the_others(
    live, append, make_recommender, make_live, caplog
):
    broken = make_recommender(slug="a-broken-one")
    make_live(broken, next_offset=1)
    append(broken, 100)
    append(live.recommender, 100)
    observe()
    assert "a-broken-one cannot be judged: artifact 000000000000" in caplog.text
    assert recorded(live.recommender, "ne")


def test_without_a_log_the_ages_are_still_recorded(make_recommender, make_live, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    news = make_recommender()
    make_live(news, watermark=timezone.now() - timedelta(minutes=5))
    observe()
    assert len(recorded(news, "age_seconds")) == 1
