"""A freeze of publishing on the pages, as an alert, and thawed by an operator."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.models import Alert
from tests.monitoring.conftest import text
from updates.models import PublishingFreeze, ServingReport
from updates.models.version import VersionState
from updates.signals import publishing_frozen

REASON = "NE on the newest 600 samples is 1.0 against 0.8 of version 1."
LOOK = {
    "first_offset": 1_101,
    "last_offset": 1_700,
    "samples": 600,
    "ne": 1.0,
    "base_ne": 0.8,
    "calibration": 1.1,
    "score_shift": 0.2,
    "ordinary": False,
    "rising": ["NE"],
}


@pytest.fixture
def frozen(live):
    """Version 1 is served; what its session had learned is kept as version 2."""
    kept = type(live).publish(
        live.recommender,
        parent=live,
        learner=live.learner,
        digest="0" * 64,
        artifact_bytes=1,
        learned_ranges=[{"first_offset": 1, "last_offset": 1_700}],
        next_offset=1_701,
    )
    kept.move(VersionState.REJECTED, REASON)
    return PublishingFreeze.objects.create(
        recommender=live.recommender,
        base=live,
        version=kept,
        line=1,
        good_offset=1_100,
        offset=1_700,
        reason=REASON,
        looks=[LOOK],
    )


def page(client, frozen):
    return client.get(f"/recommenders/{frozen.recommender.slug}/")


def test_the_page_says_since_when_why_and_what_to_do(as_operator, frozen):
    found = page(as_operator, frozen)
    words = text(found)
    assert "Version 1 is served without what was learned online since" in words
    assert REASON in words
    assert "All was well up to offset 1,100." in words
    assert "1,101–1,700 600 1.0000 0.8000" in words
    assert "worse: NE; unusual samples" in words
    body = found.content.decode()
    assert f"/recommenders/{frozen.recommender.slug}/versions/2/#explanation-title" in body
    assert """data-fill='{"first_offset": 1101, "last_offset": 1700}'""" in body
    for label in ("Quarantine 1,101–1,700…", "Roll back…", "Publish anyway…"):
        assert label in words


def test_a_viewer_may_read_and_nothing_else(as_viewer, frozen):
    words = text(page(as_viewer, frozen))
    assert "What it learned" in words
    assert "Publish anyway" not in words


def test_an_operator_has_it_published_with_a_reason(as_operator, frozen):
    address = f"/recommenders/{frozen.recommender.slug}/thaw/"
    assert "Say why" in text(as_operator.post(address, follow=True))
    as_operator.post(address, {"reason": "They are right."})
    frozen.refresh_from_db()
    assert (frozen.ended, frozen.end_reason) == ("overruled", "They are right.")
    assert "Publishing frozen" not in text(page(as_operator, frozen))
    again = as_operator.post(address, {"reason": "Again."}, follow=True)
    assert "Publishing is not frozen." in text(again)


def test_processes_are_said_to_be_frozen_however_long_nothing_came(as_viewer, frozen):
    now = timezone.now()
    frozen.recommender.policies.create(name="always", strategy="online", trigger="continuous")
    ServingReport.objects.create(
        recommender=frozen.recommender,
        process="web:1",
        wanted=frozen.base,
        served=frozen.base,
        followed_at=now - timedelta(hours=1),
        synced_at=now - timedelta(minutes=5),
        reported_at=now,
    )
    assert "web:1 frozen" in text(page(as_viewer, frozen))
    slug = frozen.recommender.slug
    [process] = as_viewer.get(f"/api/v1/recommenders/{slug}/freshness").json()["serving"]
    assert process["sync"] == "frozen"


def test_the_alert_begins_with_the_signal_and_fires_with_the_next_look(frozen):
    publishing_frozen.send(PublishingFreeze, freeze=frozen)
    alert = Alert.objects.get(kind="publishing-frozen")
    assert (alert.state, alert.since) == ("pending", frozen.since)
    evaluate(timezone.now())
    alert.refresh_from_db()
    assert (alert.state, alert.severity) == ("firing", "critical")
    assert alert.summary.endswith(f"up to offset 1,700. {REASON}")


def test_it_is_resolved_once_publishing_is_thawed(frozen):
    now = timezone.now()
    for later in (0, 10):
        evaluate(now + timedelta(seconds=later))
    frozen.end("held", "The guardrails hold.")
    evaluate(now + timedelta(seconds=20))
    evaluate(now + timedelta(minutes=3))
    assert Alert.objects.get(kind="publishing-frozen").state == "resolved"
