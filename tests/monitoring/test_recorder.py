"""What happened is recorded, and recording never breaks what happened."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring import series
from monitoring.models import TenSecondPoint
from updates import scheduling, signals
from updates.models import UpdatePolicy


def newest(recommender, name):
    now = timezone.now() + timedelta(seconds=1)
    points = series.read(recommender, name, now - timedelta(hours=1), now)
    return points[-1][1] if points else None


def test_a_promotion_records_how_sparse_the_new_version_is(live):
    assert newest(live.recommender, "non_zero_weights") == live.sparsity["non_zero"] > 0
    assert newest(live.recommender, "seen_features") == live.sparsity["seen"]
    assert newest(live.recommender, "admitted_features") == live.sparsity["admitted"]
    assert newest(live.recommender, "deployed_bytes") == live.sparsity["deployed_bytes"]


def test_an_evaluated_run_records_its_cost(live):
    assert newest(live.recommender, "run_cpu_seconds") >= 0


def test_a_full_run_records_the_gap_between_the_live_version_and_itself(live, append, update):
    append(live.recommender, 500)
    run = update(live.recommender, "full")
    assert newest(live.recommender, "optimality_gap") == pytest.approx(run.metrics["ne_gain"])


def test_an_incremental_run_records_no_gap(live, append, update):
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    assert newest(live.recommender, "optimality_gap") is None


def test_fires_record_declared_and_achieved_cadence(recommender, make_policy, update):
    policy = make_policy(recommender, "often", strategy="full", interval_seconds=60)
    first = policy.next_due_at
    scheduling.tick(first)
    recommender.runs.get().move("cancelled")
    earlier = recommender.runs.get()
    scheduling.tick(first + timedelta(seconds=60))
    later = recommender.runs.exclude(pk=earlier.pk).get()
    points = TenSecondPoint.objects.filter(series__policy=policy)
    values = dict(points.order_by("t").values_list("series__name", "value"))
    assert values["declared_cadence_seconds"] == 60
    achieved = (later.queued_at - earlier.queued_at).total_seconds()
    assert values["achieved_cadence_seconds"] == pytest.approx(achieved)


def test_a_failure_to_record_is_logged_and_harms_nobody(make_recommender, make_policy, caplog):
    policy = make_policy(make_recommender())
    signals.policy_fired.send(
        UpdatePolicy, policy=policy, run=None, due_at=timezone.now(), fired_at=timezone.now()
    )
    assert "recording in on_policy_fired" in caplog.text
    assert not TenSecondPoint.objects.exists()
