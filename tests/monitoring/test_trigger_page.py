"""Triggering an update by hand."""

from tests.monitoring.conftest import text
from updates.models import UpdateRun


def start(client, slug, **data):
    return client.post(f"/recommenders/{slug}/updates/", {"strategy": "full"} | data, follow=True)


def test_it_queues_a_run_and_shows_it(as_operator, operator, recommender):
    response = start(as_operator, recommender.slug, reason="a try", window_seconds="60")
    run = UpdateRun.objects.get()
    assert response.redirect_chain[-1][0] == f"/runs/{run.pk}/"
    assert (run.requested_by, run.reason, run.window_seconds) == (operator, "a try", 60)


def test_a_second_writer_is_refused_with_a_link_to_the_first(as_operator, recommender):
    start(as_operator, recommender.slug)
    response = start(as_operator, recommender.slug)
    run = UpdateRun.objects.get()
    assert "is already updating" in text(response)
    assert f'href="/runs/{run.pk}/"' in response.content.decode()


def test_a_wrong_field_is_named_and_nothing_is_started(as_operator, recommender):
    response = start(as_operator, recommender.slug, window_seconds="-1")
    assert "Window seconds: Ensure this value is greater than or equal to 1." in text(response)
    assert not UpdateRun.objects.exists()


def test_a_viewer_may_not(as_viewer, recommender):
    assert start(as_viewer, recommender.slug).status_code == 403
    assert not UpdateRun.objects.exists()


def test_looking_at_the_address_starts_nothing(as_operator, recommender):
    assert as_operator.get(f"/recommenders/{recommender.slug}/updates/").status_code == 405
