"""Versions that are made elsewhere, and what makes them live."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from tests.conftest import FIRST_EVENT_TIME, make_batch, make_rows
from updates.flows.append_samples import append_samples
from updates.flows.external.publish import ReportError
from updates.flows.follow_predictions import FollowsPredictions, follow_predictions, named
from updates.flows.promote import promote
from updates.flows.report_version import (
    ReportedVersion,
    TrainedHere,
    VersionConflict,
    report_version,
)
from updates.flows.roll_back import roll_back
from updates.samples.log import SampleLog
from updates.samples.schema import SampleSchema

LOGGED = SampleSchema(item="item", prediction="score", version="model")
NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def at(seconds):
    """The event time of the sample of that number from 0, as ``make_rows`` has it."""
    return FIRST_EVENT_TIME + timedelta(seconds=seconds)


@pytest.fixture
def ours(make_recommender, valkey):
    """A recommender whose versions are reported, with a hundred samples, a second apart."""
    recommender = make_recommender("ours", "monitored")
    append_samples(recommender, make_batch(100), batch_id="first")
    return recommender


@pytest.fixture
def logged(make_recommender, valkey):
    """One whose samples say what was predicted, and by which version."""
    return make_recommender("logged", "monitored", schema=LOGGED)


def reported(name="nightly", watermark=None, **more):
    return ReportedVersion(name, watermark or at(59), **more)


def send(recommender, model, count=10, before_seconds=1, batch_id=None):
    """Predictions of a version that were made so many seconds ago."""
    time = timezone.now() - timedelta(seconds=before_seconds)
    rows = [
        {"label": 0, "event_time": time, "item": f"i{n}", "score": 0.2, "model": model}
        for n in range(count)
    ]
    batch = make_batch(rows, schema=LOGGED)
    name = batch_id or f"{model}-{SampleLog(recommender).head().last_offset}"
    append_samples(recommender, batch, batch_id=name)


def live_name(recommender):
    recommender.refresh_from_db()
    return recommender.live_version and recommender.live_version.name


def test_a_reported_version_is_live_with_what_it_has_learned_of_the_log(ours, operator):
    version, new = report_version(ours, reported(metrics={"auc": 0.7}), by=operator)
    assert new
    assert live_name(ours) == "nightly"
    assert version.watermark == at(59)
    assert version.next_offset == 61
    assert version.learned_ranges == [{"first_offset": 1, "last_offset": 60}]
    assert version.metrics["reported"] == {"auc": 0.7}
    deployment = ours.deployments.get()
    assert (deployment.reason, deployment.moved_by) == ("reported as live", operator)


def test_what_it_has_learned_is_counted_in_the_archive_as_in_the_stream(ours, settings):
    settings.SEGMENT_ROWS = 40
    log = SampleLog(ours)
    while log.archive(timezone.now()):
        pass
    append_samples(ours, make_batch(make_rows(50, first=100)), batch_id="second")
    inside, _ = report_version(ours, reported("inside", at(49), trained_since=at(20)))
    assert inside.learned_ranges == [{"first_offset": 21, "last_offset": 50}]
    late, _ = report_version(ours, reported("late", at(120)))
    assert late.next_offset == 122


def test_one_that_is_older_than_the_log_has_learned_nothing_of_it(ours):
    version, _ = report_version(ours, reported(watermark=at(-10)))
    assert (version.next_offset, version.learned_ranges) == (1, [])


def test_the_same_report_again_changes_nothing(ours):
    first, _ = report_version(ours, reported())
    again, new = report_version(ours, reported())
    assert (again, new) == (first, False)
    assert ours.deployments.count() == 1


def test_a_name_is_never_used_again(ours):
    report_version(ours, reported())
    with pytest.raises(VersionConflict, match="Version 1 is named nightly"):
        report_version(ours, reported(watermark=at(80)))
    assert ours.versions.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"watermark": timezone.now() + timedelta(hours=1)}, "watermark"),
        ({"trained_since": at(60)}, "trained_since"),
        ({"sha256": "0" * 64}, "uri"),
    ],
)
def test_a_report_that_cannot_be_right_names_the_field(ours, wrong, field):
    with pytest.raises(ReportError) as refused:
        report_version(ours, reported(**wrong))
    assert refused.value.field == field
    assert not ours.versions.exists()


def test_what_recadmin_trains_is_not_reported(make_recommender):
    with pytest.raises(TrainedHere):
        report_version(make_recommender(), reported())


def test_of_a_model_with_runs_here_it_is_a_candidate(make_recommender, valkey):
    version, _ = report_version(make_recommender("theirs", "external"), reported())
    assert version.state == "candidate"


def test_what_predictions_name_is_live(logged):
    with time_machine.travel(NOW, tick=False):
        first, _ = report_version(logged, reported("v1"))
        assert live_name(logged) is None
        send(logged, "v1")
        follow_predictions(timezone.now())
        assert live_name(logged) == "v1"
        report_version(logged, reported("v2"))
        follow_predictions(timezone.now())
        assert live_name(logged) == "v1"
        send(logged, "v2", count=500)
        [deployment] = follow_predictions(timezone.now())
        assert live_name(logged) == "v2"
        assert deployment.kind == "promotion"
        assert deployment.reason == "98 % of the latest predictions are of it"
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        send(logged, "v1", count=500)
        [back] = follow_predictions(timezone.now())
        assert (back.kind, back.version) == ("rollback", first)


def test_no_version_is_live_that_answers_half_of_the_requests_only(logged):
    with time_machine.travel(NOW, tick=False):
        for name in ("v1", "v2"):
            report_version(logged, reported(name))
            send(logged, name)
        assert follow_predictions(timezone.now()) == []


def test_old_predictions_that_come_late_say_nothing_of_what_serves(logged):
    with time_machine.travel(NOW, tick=False):
        report_version(logged, reported("v1"))
        send(logged, "v1", before_seconds=3600)
        assert follow_predictions(timezone.now()) == []


def test_a_batch_sent_again_is_counted_once(logged):
    with time_machine.travel(NOW, tick=False):
        for _ in range(3):
            send(logged, "v1", batch_id="one")
        send(logged, "v2", count=11)
        assert [(n.name, n.version) for n in named([logged.pk], timezone.now())[logged.pk]] == [
            ("v2", None),
            ("v1", None),
        ]


def test_what_its_servers_serve_nobody_else_moves(logged):
    version, _ = report_version(logged, reported("v1"))
    with pytest.raises(FollowsPredictions):
        promote(version, reason="by hand")
    with pytest.raises(FollowsPredictions):
        roll_back(logged, to=version, reason="by hand")


@pytest.mark.django_db(transaction=True)
def test_reported_twice_at_once_it_is_one_version(ours):
    start = Barrier(4)

    def report(_):
        try:
            start.wait()
            return report_version(ours, reported())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(report, range(4)))
    assert sorted(new for _, new in made) == [False, False, False, True]
    assert len({version.pk for version, _ in made}) == 1
    assert ours.deployments.count() == 1
