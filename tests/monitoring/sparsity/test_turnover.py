"""Births, deaths and rebirths of features."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitoring import series
from monitoring.models import DeadFeatures, FeatureTurnover
from monitoring.sparsity.count import count_all
from monitoring.sparsity.turnover import compare, heaviest, remembered
from updates.flows.promote import promote
from updates.serving.loader import load

KEYS = st.sets(st.integers(1, 30), max_size=20)


def array(keys):
    return np.array(list(keys), np.uint64)


@given(st.lists(KEYS, min_size=1, max_size=8))
def test_they_are_counted_exactly_as_sets_would_count_them(models):
    before, once, dead = set(), set(), np.empty(0, np.uint64)
    for now in models:
        moved = compare(array(before), array(now), dead)
        assert set(moved.born) == now - once
        assert set(moved.reborn) == (now - before) & once
        assert set(moved.died) == before - now
        dead = remembered(dead, moved)
        once |= now
        assert set(dead) == once - now
        before = now


def test_those_that_died_last_are_remembered():
    moved = compare(array([3, 4]), array([1]), array([1, 2]))
    assert remembered(array([1, 2]), moved, most=2).tolist() == [3, 4]
    assert remembered(array([1, 2]), moved, most=3).tolist() == [2, 3, 4]


def test_the_heaviest_come_first_and_equals_in_their_order():
    keys, weights = array([7, 8, 9, 5]), np.array([0.5, -2.0, 0.5, 9.0])
    assert keys[heaviest(keys, weights, array([7, 8, 9]), 2)].tolist() == [8, 7]


def names(version):
    learner = load(version, serving=False)
    keys, _ = learner.live_features()
    return set(learner.names_of(keys))


def deployed(run):
    """The version of the run, live whatever the guardrails say."""
    version = run.result_version
    if version.state == "rejected":
        promote(version, reason="to see what comes and goes")
    return version


def test_a_deployment_is_compared_with_the_version_before(live, append, update):
    recommender = live.recommender
    append(recommender, 500)
    second = deployed(update(recommender, "incremental"))
    third = deployed(update(recommender, window_seconds=100))
    append(recommender, 1000)
    fourth = deployed(update(recommender))
    count_all()
    sets = [names(version) for version in (live, second, third, fourth)]
    turnovers = list(FeatureTurnover.objects.order_by("deployment_id"))
    assert [turnover.deployment.version for turnover in turnovers] == [second, third, fourth]
    for turnover, before, now in zip(turnovers, sets, sets[1:], strict=False):
        assert turnover.born + turnover.reborn == len(now - before)
        assert turnover.died == len(before - now)
    assert turnovers[1].died > 0
    assert turnovers[2].reborn == len(sets[3] & (sets[0] | sets[1]) - sets[2]) > 0
    weights = [abs(one["weight"]) for one in turnovers[1].died_examples]
    assert weights == sorted(weights, reverse=True)
    assert {(one["field"], one["value"]) for one in turnovers[1].died_examples} <= sets[1]


def test_what_came_and_went_is_a_series_and_counted_once(live, append, update):
    recommender = live.recommender
    deployed(update(recommender, window_seconds=100))
    for _ in range(2):
        count_all()
    turnover = FeatureTurnover.objects.get()
    at = turnover.deployment.started_at
    for name in ("born", "died", "reborn"):
        points = series.read(recommender, f"features_{name}", at.replace(year=2020), at)
        assert [value for _, value in points] == [getattr(turnover, name)]
    assert DeadFeatures.objects.get().counted_to == turnover.deployment_id


def test_a_version_without_files_is_not_compared(live, make_live):
    make_live(live.recommender)
    count_all()
    assert not FeatureTurnover.objects.exists()
    assert DeadFeatures.objects.get().counted_to == live.recommender.deployments.first().pk


def test_a_learner_of_trees_has_no_features_to_follow(trees, update):
    update(trees)
    count_all()
    assert not FeatureTurnover.objects.exists()
