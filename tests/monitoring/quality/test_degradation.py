"""A live version that predicts worse than after its promotion has its policies fire."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from monitoring.models import LossCell
from monitoring.quality import losses
from monitoring.quality.degradation import JudgedNE, watch, worse_than_allowed
from updates.metrics import quality
from updates.models import UpdateRun

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOW = timezone.now().replace(second=0, microsecond=0)


@pytest.fixture
def news(live):
    """Live since ten hours ago."""
    live.recommender.deployments.update(started_at=NOW - 10 * HOUR)
    return live.recommender


@pytest.fixture
def policy(news):
    return news.policies.create(
        name="fresh", strategy="incremental", trigger="staleness", max_ne_degradation=0.05
    )


def samples(rng, count, rate, said):
    """Labels of that rate, each predicted as ``said``."""
    return (rng.uniform(size=count) < rate).astype(float), np.full(count, said)


def judge_hour(of, start, said, per_minute=50):
    rng = np.random.default_rng(0)
    for minute in range(60):
        losses.add(of, *samples(rng, per_minute, 0.3, said), start + minute * MINUTE)


def test_a_ne_that_has_grown_beyond_what_is_allowed_fires_and_says_the_numbers(
    news, policy, append
):
    append(news, 10)
    judge_hour(news, NOW - 10 * HOUR, said=0.3)
    judge_hour(news, NOW - HOUR, said=0.6)
    for _ in range(2):
        watch(NOW)
    run = UpdateRun.objects.get(policy=policy)
    assert run.reason.startswith("NE on arriving samples is 1.3")
    assert "against 1.0" in run.reason


def test_a_ne_within_what_is_allowed_fires_nothing(news, policy):
    judge_hour(news, NOW - 10 * HOUR, said=0.3)
    judge_hour(news, NOW - HOUR, said=0.34)
    assert worse_than_allowed(policy, NOW) == ""


def test_what_few_samples_say_is_noise(news, policy):
    judge_hour(news, NOW - 10 * HOUR, said=0.3, per_minute=3)
    judge_hour(news, NOW - HOUR, said=0.6, per_minute=3)
    assert worse_than_allowed(policy, NOW) == ""


def test_without_an_allowance_quality_is_not_looked_at(news, policy):
    policy.max_ne_degradation = None
    policy.save(update_fields=["max_ne_degradation"])
    judge_hour(news, NOW - 10 * HOUR, said=0.3)
    judge_hour(news, NOW - HOUR, said=0.6)
    watch(NOW)
    assert not UpdateRun.objects.filter(policy=policy).exists()


def test_the_standard_error_is_the_spread_of_ne_over_repeated_draws():
    rng, found = np.random.default_rng(1), []
    for _ in range(2_000):
        labels = (rng.uniform(size=500) < 0.2).astype(float)
        predictions = np.clip(0.2 + 0.2 * (labels - 0.2) + rng.normal(0, 0.03, 500), 0.01, 0.9)
        found.append((_cell(labels, predictions), quality(labels, predictions).ne))
    errors = [JudgedNE.of([cell]).standard_error for cell, _ in found]
    values = [JudgedNE.of([cell]).value for cell, _ in found]
    assert values == pytest.approx([ne for _, ne in found])
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.05)


def _cell(labels, predictions):
    from updates.metrics import losses as of

    found = of(labels, predictions)
    return LossCell(
        samples=len(labels),
        positives=int(labels.sum()),
        loss=found.sum(),
        squares=(found**2).sum(),
        loss_of_positives=found[labels > 0.5].sum(),
    )


def test_minutes_are_kept_for_hours_and_those_after_the_promotion_while_it_is_live(news):
    old, first, recent = NOW - 20 * HOUR, NOW - 30 * HOUR + 30 * MINUTE, NOW - HOUR
    news.deployments.update(started_at=NOW - 30 * HOUR)
    for at in (old, first, recent):
        losses.add(news, np.ones(1), np.full(1, 0.5), at)
    losses.prune(NOW)
    assert [cell.at for cell in news.loss_cells.order_by("at")] == [first, recent]
