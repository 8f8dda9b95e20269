"""The experiment behind docs/wide-deep.md runs, at a tiny size."""

from updates.learners.experiments import simulated
from updates.learners.experiments.wide_deep import COMBINATIONS, outcomes


def test_each_combination_of_components_is_replayed_from_the_same_state():
    days = [batch for day in simulated.days(4_000, 4) for batch in day.to_batches()]
    found = dict(outcomes(simulated.SCHEMA, days, {"mini_batch": 64, "hidden": "8"}))
    assert len(found) == len(COMBINATIONS)
    assert all(0.5 < outcome.ne < 3 for outcome in found.values())
    assert found["wide + embeddings + upper"].ne != found["nothing"].ne
    assert found["upper"].coverage < found["embeddings"].coverage
