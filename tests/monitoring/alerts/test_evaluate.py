"""Alerts begin, fire and are resolved by what is wrong and for how long."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.kinds import CLEAR_FOR
from monitoring.models import Alert, AlertTransition, DriftAlarm
from recadmin.heartbeats import KEY, Pulse
from tests.monitoring.alerts.conftest import STALE_AT
from tests.monitoring.conftest import NOW
from updates.flows.append_samples import append_samples
from updates.models import Recommender, ServingReport, UpdateRun

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def alerts():
    return {(a.kind, a.component, a.state) for a in Alert.objects.all()}


def look(*moments):
    for moment in moments:
        evaluate(moment)


def test_what_is_stale_fires_with_its_date_its_objective_and_what_was_tried(news):
    look(STALE_AT, STALE_AT + 10 * SECOND)
    alert = Alert.objects.get()
    assert (alert.kind, alert.state, alert.severity) == ("backlog", "firing", "critical")
    assert alert.since == NOW + timedelta(minutes=70)
    assert alert.summary == ("Stale, age 2 h; 10 samples wait.")
    assert alert.objective == "age at most 1 h, grace 10 min"
    assert alert.tried == "No update was ever run."


def test_a_process_that_serves_something_else_is_named(news):
    ServingReport.objects.create(
        recommender=news,
        process="web:1",
        wanted=news.live_version,
        error="Version 1 is refused: checksum mismatch.",
        reported_at=NOW,
    )
    look(NOW, NOW + 50 * SECOND)
    assert alerts() == {("sync-broken", "", "pending")}
    ServingReport.objects.update(reported_at=NOW + MINUTE)
    look(NOW + MINUTE)
    assert Alert.objects.get().summary == (
        "Fresh, age 1 min; 10 samples wait. Process web:1: Version 1 is refused: checksum mismatch."
    )


def test_what_is_aging_is_no_alert(news):
    look(NOW + 65 * MINUTE, NOW + 66 * MINUTE)
    assert alerts() == set()


def test_nothing_fires_before_it_has_held_for_its_time(news):
    stale = NOW + 70 * MINUTE
    look(stale + SECOND, stale + 59 * SECOND)
    assert alerts() == {("backlog", "", "pending")}
    look(stale + 60 * SECOND)
    assert alerts() == {("backlog", "", "firing")}


def test_what_passes_before_it_fires_leaves_no_trace(news, make_live):
    look(NOW + 70 * MINUTE + SECOND)
    make_live(news, watermark=NOW + 70 * MINUTE)
    look(NOW + 70 * MINUTE + 10 * SECOND)
    assert alerts() == set()


def test_what_is_right_again_for_long_enough_is_resolved(news, make_live):
    look(STALE_AT, STALE_AT + 10 * SECOND)
    make_live(news, watermark=STALE_AT)
    over = STALE_AT + 10 * SECOND + CLEAR_FOR
    look(over - SECOND)
    assert alerts() == {("backlog", "", "firing")}
    look(over)
    assert alerts() == {("backlog", "", "resolved")}


def test_what_comes_and_goes_is_one_alert_with_one_move(news, valkey):
    run = UpdateRun.objects.create(recommender=news, strategy="incremental", components=["weights"])
    moment = NOW
    for i in range(40):  # the worker lives every other time that it is looked for
        valkey.delete(KEY)
        if i % 2:
            Pulse("runs@here", queues=("runs",)).beat()
        UpdateRun.objects.filter(pk=run.pk).update(queued_at=moment)
        look(moment, moment + 61 * SECOND) if not i % 2 else look(moment)
        moment += 70 * SECOND
    assert [t.to_state for t in AlertTransition.objects.filter(alert__kind="worker-dead")] == [
        "firing"
    ]


def test_what_returns_after_it_was_resolved_is_a_new_alert(news, make_live):
    look(STALE_AT, STALE_AT + SECOND)
    make_live(news, watermark=STALE_AT)
    look(STALE_AT + 5 * MINUTE)
    later = STALE_AT + timedelta(hours=2)
    look(later, later + SECOND)
    assert sorted(a.state for a in Alert.objects.all()) == ["firing", "resolved"]


def test_at_most_one_is_open_of_a_kind_and_component(news):
    look(STALE_AT)
    found = Alert.objects.get()
    found.pk = None
    with pytest.raises(IntegrityError):
        found.save(force_insert=True)


def test_two_that_look_at_once_do_it_once(news):
    look(STALE_AT, STALE_AT, STALE_AT + SECOND, STALE_AT + SECOND)
    assert AlertTransition.objects.count() == 1


def test_while_the_log_is_silent_nothing_is_judged(news, settings):
    look(STALE_AT, STALE_AT + SECOND)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    look(STALE_AT + timedelta(hours=1))
    assert alerts() == {("backlog", "", "firing")}


@pytest.mark.parametrize(
    ("ends", "fires"),
    [
        (["failed", "failed", "failed"], {("failing-runs", "hourly", "firing")}),
        (["rejected"] * 3, {("rejected-runs", "hourly", "firing")}),
        (["failed", "failed", "cancelled", "failed"], {("failing-runs", "hourly", "firing")}),
        (["failed", "promoted", "failed", "failed"], set()),
        (["failed", "failed"], set()),
        (["failed", "failed", "failed", "promoted"], set()),
    ],
)
def test_runs_of_a_policy_that_end_badly_in_a_row_fire(news, make_policy, ends, fires):
    policy = make_policy(news)
    for end in ends:
        UpdateRun.objects.create(
            recommender=news,
            policy=policy,
            strategy="incremental",
            components=["weights"],
            state=end,
            finished_at=NOW,
        )
    look(NOW, NOW + SECOND)
    assert alerts() == fires


def test_features_that_drift_are_one_alert_of_their_recommender(news):
    for minute, feature in enumerate(["device", "price", "a", "b", "c", "d"]):
        DriftAlarm.objects.create(
            recommender=news, feature=feature, firing_since=NOW - minute * MINUTE
        )
    DriftAlarm.objects.create(recommender=news, feature="calm", turning_since=NOW)
    look(NOW, NOW + SECOND)
    alert = Alert.objects.get()
    assert (alert.kind, alert.state, alert.since) == ("drift", "firing", NOW - 5 * MINUTE)
    assert alert.summary == "Drifted: d, c, b, a, price and 1 more."
    DriftAlarm.objects.update(firing_since=None)
    look(NOW + MINUTE + CLEAR_FOR)
    assert alerts() == {("drift", "", "resolved")}


def test_a_component_with_an_objective_of_its_own_fires_on_its_own(
    valkey, make_recommender, make_live, make_batch
):
    both = make_recommender(
        learner="gbdt_lr",
        freshness_objective_seconds=86_400,
        component_objectives={"trees": 3600},
    )
    append_samples(both, make_batch(20), batch_id="one")
    part = {"watermark": NOW.isoformat(), "next_offset": 11}
    make_live(both, components={"trees": part, "lr": part})
    look(STALE_AT, STALE_AT + SECOND)
    assert alerts() == {("backlog", "trees", "firing")}


def test_looking_costs_as_many_queries_for_many_as_for_one(
    news, make_recommender, make_live, make_batch, django_assert_max_num_queries
):
    look(STALE_AT, STALE_AT + SECOND)
    for i in range(20):
        found = make_recommender(slug=f"more-{i}")
        append_samples(found, make_batch(20), batch_id="one")
        make_live(found, watermark=STALE_AT)
    assert Recommender.objects.count() == 21
    with django_assert_max_num_queries(18):
        look(STALE_AT + 2 * SECOND)
