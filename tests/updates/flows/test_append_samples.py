"""Samples enter the log, and who watches is told."""

import pytest

from updates.flows.append_samples import append_samples
from updates.samples.log import LogUnavailable, SampleLog
from updates.signals import samples_appended


@pytest.fixture
def heard():
    heard = []

    def listen(sender, recommender, appended, **kwargs):
        heard.append((recommender.slug, appended.first_offset, appended.duplicate))

    samples_appended.connect(listen)
    yield heard
    samples_appended.disconnect(listen)


def test_samples_land_and_watchers_hear_of_it(make_recommender, make_batch, valkey, heard):
    recommender = make_recommender()
    append_samples(recommender, make_batch(3), batch_id="a")
    append_samples(recommender, make_batch(3), batch_id="a")
    assert SampleLog(recommender).head().last_offset == 3
    assert heard == [("news", 1, False), ("news", 1, True)]


def test_a_watcher_that_fails_does_not_make_the_client_come_again(
    make_recommender, make_batch, valkey
):
    def fail(**kwargs):
        raise RuntimeError

    samples_appended.connect(fail)
    try:
        assert append_samples(make_recommender(), make_batch(3), batch_id="a").last_offset == 3
    finally:
        samples_appended.disconnect(fail)


def test_nobody_hears_of_samples_that_did_not_land(make_recommender, make_batch, settings, heard):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    with pytest.raises(LogUnavailable):
        append_samples(make_recommender(), make_batch(3), batch_id="a")
    assert heard == []
