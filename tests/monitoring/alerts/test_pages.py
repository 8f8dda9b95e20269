"""The pages of alerts: what they say, and what operators can do there."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import Alert, AlertChannel, Silence
from tests.monitoring.conftest import text


@pytest.fixture
def firing(news):
    """Stale for an hour."""
    now = timezone.now()
    alert = Alert.objects.create(
        recommender=news,
        kind="backlog",
        severity="critical",
        since=now - timedelta(hours=1),
        held_at=now,
        summary="Ten samples wait.",
        objective="age at most 1 h",
    )
    alert.fire(now, tried="Run 7 failed.")
    return alert


def test_without_an_alert_it_says_what_would_be_one(as_viewer, valkey):
    words = text(as_viewer.get("/alerts/"))
    assert "Nothing is wrong" in words
    assert "Nobody is told: no channel is configured." in words


def test_only_who_may_is_offered_to_add_a_channel(as_viewer, as_admin, valkey):
    assert "alertchannel/add" in as_admin.get("/alerts/").content.decode()
    AlertChannel.objects.create(name="pager", address="json://example.com")
    assert "Nobody is told" not in text(as_admin.get("/alerts/"))


def test_open_alerts_stand_by_recommender(as_viewer, firing):
    words = text(as_viewer.get("/alerts/"))
    assert (
        "News Alert State Severity For What stale: samples wait to be learned firing critical 1 h "
        "Ten samples wait." in words
    )
    assert "Nothing is wrong" not in words


def test_a_pending_alert_is_nowhere(as_viewer, firing):
    Alert.objects.create(
        recommender=firing.recommender,
        kind="no-traffic",
        severity="warning",
        since=timezone.now(),
        held_at=timezone.now(),
    )
    pending = Alert.objects.get(kind="no-traffic")
    assert "no samples arrive" not in text(as_viewer.get("/alerts/"))
    assert as_viewer.get(f"/alerts/{pending.pk}/").status_code == 404


def test_a_poll_gets_only_what_changes(as_viewer, firing):
    part = as_viewer.get("/alerts/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "Ten samples wait." in part


def test_an_alert_says_all_that_is_known(as_viewer, firing):
    words = text(as_viewer.get(f"/alerts/{firing.pk}/"))
    for said in ("Ten samples wait.", "age at most 1 h", "Run 7 failed.", "Trigger an update"):
        assert said in words
    assert "no channel was to be told" in words


def test_an_operator_acknowledges_it_with_a_reason(as_operator, firing, operator):
    address = f"/alerts/{firing.pk}/acknowledge/"
    assert "This field is required" in text(as_operator.post(address, follow=True))
    words = text(as_operator.post(address, {"reason": "on it"}, follow=True))
    assert "acknowledged" in words
    assert "by operator : on it" in words or "by operator: on it" in words
    assert "it cannot become" in text(as_operator.post(address, {"reason": "x"}, follow=True))


def test_an_operator_silences_a_recommender_for_a_while(as_operator, firing, operator):
    answer = as_operator.post(
        "/recommenders/news/silence/", {"hours": "4", "reason": "moving"}, follow=True
    )
    silence = Silence.objects.get()
    assert (silence.by, silence.reason) == (operator, "moving")
    assert timedelta(hours=3.9) < silence.until - timezone.now() < timedelta(hours=4)
    assert "silent until" in text(answer)
    assert "silent until" in text(as_operator.get("/recommenders/news/"))
    wrong = as_operator.post("/recommenders/news/silence/", {"hours": "9"}, follow=True)
    assert "Select a valid choice" in text(wrong)


def test_a_viewer_looks_and_does_nothing(as_viewer, firing):
    assert "<form" not in as_viewer.get(f"/alerts/{firing.pk}/").content.decode().partition(
        "<main"
    )[2].replace("logout", "")
    for address in (f"/alerts/{firing.pk}/acknowledge/", "/recommenders/news/silence/"):
        assert as_viewer.post(address, {"reason": "x", "hours": "1"}).status_code == 403


def test_who_has_no_role_sees_nothing(as_outsider, firing):
    for address in ("/alerts/", f"/alerts/{firing.pk}/"):
        assert as_outsider.get(address).status_code == 403


def test_the_recommender_s_page_and_the_fleet_tell_of_it(as_viewer, firing):
    assert f'href="/alerts/{firing.pk}/"' in as_viewer.get("/recommenders/news/").content.decode()
    assert 'aria-label="1 open alert of News"' in as_viewer.get("/").content.decode()
    assert "Ten samples wait." in text(as_viewer.get("/alerts/?recommender=news"))
    assert as_viewer.get("/alerts/?recommender=absent").status_code == 404


def test_a_resolved_alert_is_shown_among_the_last(as_viewer, firing):
    firing.resolve(timezone.now())
    words = text(as_viewer.get("/alerts/"))
    assert "Nothing is wrong" in words
    assert "Resolved lately" in words


def test_it_costs_as_many_queries_for_many_as_for_one(
    as_viewer, firing, make_recommender, django_assert_max_num_queries
):
    for i in range(15):
        Alert.objects.create(
            recommender=make_recommender(slug=f"more-{i}"),
            kind="backlog",
            severity="critical",
            since=timezone.now(),
            held_at=timezone.now(),
        ).fire(timezone.now())
    with django_assert_max_num_queries(7):
        as_viewer.get("/alerts/")
