"""The simulated feed: its probabilities are true, and the same seed gives the same world."""

import numpy as np
import pytest
from scipy import stats

from updates.simulation.rows import SCHEMA, candidates, impressions, rows
from updates.simulation.world import (
    FLASH_HEAT,
    FLASH_HOURS,
    ITEMS,
    LIFE_DAYS,
    TICKS_A_DAY,
    TICKS_AN_HOUR,
    Contexts,
    World,
)


def after(ticks, seed=1):
    world = World(seed)
    for _ in range(ticks):
        world.step()
    return world


def logit(p):
    return np.log(p / (1 - p))


def test_clicks_come_with_the_true_probabilities():
    world = after(50)
    expected = variance = clicks = 0.0
    for _ in range(100):
        world.step()
        shown = impressions(world, 500)
        true = world.probabilities(shown.contexts, shown.places)
        expected += true.sum()
        variance += (true * (1 - true)).sum()
        clicks += shown.clicked.sum()
    # Wrong once in 100,000 worlds.
    assert abs(clicks - expected) < stats.norm.isf(5e-6) * np.sqrt(variance)


def test_clicks_come_with_the_true_probability_of_each_range():
    world = after(10)
    shown = impressions(world, 200_000)
    true = world.probabilities(shown.contexts, shown.places)
    bins = np.digitize(true, np.quantile(true, np.linspace(0.1, 0.9, 9)))
    for one in range(10):
        inside = bins == one
        variance = (true[inside] * (1 - true[inside])).sum()
        apart = shown.clicked[inside].sum() - true[inside].sum()
        assert abs(apart) < 5 * np.sqrt(variance)


def test_the_probability_of_one_item_is_that_among_all_items():
    world = after(20)
    contexts = world.contexts(30, 5)
    places = np.arange(30) * 7 % ITEMS
    of_all = world.probabilities(contexts)
    assert of_all.shape == (30, ITEMS)
    one = world.probabilities(contexts, places)
    np.testing.assert_allclose(one, of_all[np.arange(30), places], rtol=1e-12)


def test_a_seed_gives_one_world_and_another_seed_another():
    one, same, other = after(300), after(300), after(300, seed=2)
    contexts = one.contexts(20, 5)
    assert np.array_equal(one.probabilities(contexts), same.probabilities(contexts))
    assert not np.array_equal(one.probabilities(contexts), other.probabilities(contexts))
    first, second = impressions(one, 50), impressions(same, 50)
    assert np.array_equal(first.clicked, second.clicked)
    assert np.array_equal(first.shown_ms, second.shown_ms)


def test_looking_at_a_world_does_not_change_it():
    looked_at, left_alone = after(5), after(5)
    impressions(looked_at, 100)
    candidates(looked_at, looked_at.contexts(3, 9))
    for world in (looked_at, left_alone):
        world.step()
    contexts = left_alone.contexts(10, 5)
    assert np.array_equal(looked_at.probabilities(contexts), left_alone.probabilities(contexts))


def test_items_die_and_new_ones_take_their_places():
    world = World(3)
    before = world.number.copy()
    for _ in range(TICKS_A_DAY):
        world.step()
    gone = world.number != before
    share = 1 - np.exp(-1 / LIFE_DAYS)
    assert abs(gone.mean() - share) < 5 * np.sqrt(share * (1 - share) / ITEMS)
    assert len(set(world.number)) == ITEMS
    assert world.number[gone].min() > before.max()
    assert world.age_hours[gone].max() <= 24 < world.age_hours.max()


def test_tastes_move_so_that_another_day_prefers_other_topics():
    world = World(4)
    contexts = Contexts(np.arange(50), np.zeros(50, int))
    before = world.probabilities(contexts)
    for _ in range(7 * TICKS_A_DAY):
        world.step()
    # The same hour of the day, and topics only: every item has another place now.
    assert not np.allclose(before.mean(axis=1), world.probabilities(contexts).mean(axis=1), 0.01)


@pytest.mark.parametrize("whole_topic", [True, False])
def test_what_turns_hot_is_clicked_more_by_the_heat_and_cools_down(whole_topic):
    world = after(10)
    contexts = world.contexts(10, 5)
    place = world.coolest_place()
    before = logit(world.probabilities(contexts))
    world.flash(place, whole_topic=whole_topic)
    rise = logit(world.probabilities(contexts)) - before
    hot = world.topic == world.topic[place] if whole_topic else np.arange(ITEMS) == place
    np.testing.assert_allclose(rise[:, hot], FLASH_HEAT)
    np.testing.assert_allclose(rise[:, ~hot], 0, atol=1e-9)


def test_a_flash_has_lost_63_percent_of_its_heat_after_its_hours():
    hot, cold = after(10), after(10)
    place = hot.coolest_place()
    hot.flash(place, whole_topic=True)
    for world in (hot, cold):
        for _ in range(int(FLASH_HOURS * TICKS_AN_HOUR)):
            world.step()
    contexts = cold.contexts(10, 5)
    heat = logit(hot.probabilities(contexts)) - logit(cold.probabilities(contexts))
    topic = hot.flashes[-1].topic
    assert heat[:, cold.topic == topic].max() == pytest.approx(FLASH_HEAT / np.e, rel=1e-6)


def test_flashes_happen_without_being_asked_for():
    world = after(20 * TICKS_A_DAY)
    assert 3 <= len(world.flashes) <= 20
    assert [flash.tick for flash in world.flashes] == sorted(f.tick for f in world.flashes)


def test_rows_have_the_features_as_they_were_when_shown():
    world = after(500)
    contexts = world.contexts(200, 5)
    places = np.arange(200)
    batch = rows(world, contexts, places, np.arange(200), np.zeros(200))
    assert batch.schema == SCHEMA.arrow
    assert batch.column("item").to_pylist() == [f"item-{n}" for n in world.number[:200]]
    assert batch.column("user").to_pylist() == [f"u{u}" for u in contexts.users]
    assert set(batch.column("hour").to_pylist()) == {str(world.hour)}
    old = [age == "over 48 h" for age in batch.column("age").to_pylist()]
    assert old == (world.age_hours[:200] >= 48).tolist()


def test_candidates_are_all_live_items_for_each_request():
    world = after(3)
    contexts = world.contexts(4, 5)
    batch = candidates(world, contexts)
    assert batch.num_rows == 4 * ITEMS
    assert batch.column("user").to_pylist()[::ITEMS] == [f"u{u}" for u in contexts.users]
    assert set(batch.column("item").to_pylist()) == {f"item-{n}" for n in world.number}


def test_delays_are_five_minutes_in_the_mean():
    shown = impressions(after(3), 100_000)
    assert shown.delays_ms.mean() == pytest.approx(5 * 60_000, rel=0.02)
