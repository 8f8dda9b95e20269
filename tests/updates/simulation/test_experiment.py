"""The offline experiment at a tiny size."""

import pytest

from updates.simulation import experiment
from updates.simulation.fleet import FLEET
from updates.simulation.world import TICKS_AN_HOUR


@pytest.fixture(scope="module")
def results():
    """Three hours after half a day of history, with a flash after one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "HISTORY_DAYS", 0.25)
        patch.setattr(experiment, "FIRST_FLASH_DAYS", 1 / 24)
        yield [experiment.play(1, 3 / 24), experiment.play(1, 3 / 24)]


def test_each_policy_updates_at_its_cadence(results):
    updates = {slug: result.updates for slug, result in results[0].items()}
    assert updates["feed-never"] == updates["feed-weekly"] == updates["feed-daily"] == 0
    assert updates["feed-hourly"] == updates["feed-devices"] == 3
    assert updates["feed-online"] == updates["feed-trees"] == 3 * TICKS_AN_HOUR
    assert updates["feed-deep"] == 1


def test_what_is_not_updated_does_not_differ(results):
    assert results[0]["feed-never"].mean == results[0]["feed-weekly"].mean
    assert results[0]["feed-never"].mean != results[0]["feed-hourly"].mean


def test_the_same_seed_gives_the_same_result(results):
    first, second = results
    for entry in FLEET:
        assert first[entry.slug].mean == second[entry.slug].mean
        assert first[entry.slug].recoveries == second[entry.slug].recoveries


def test_every_recommender_is_a_row_the_least_regret_first(results):
    lines = experiment.table(results, 3 / 24)
    assert {line["policy"] for line in lines} == {entry.title for entry in FLEET}
    regrets = [float(line["regret, mean"].split()[0]) for line in lines]
    assert regrets == sorted(regrets)
