"""Whatever was learned how, whatever is quarantined: to the bit as if it had never been seen."""

import hypothesis
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests.updates.flows.conftest import FIRST_EVENT_TIME
from tests.updates.flows.local import GBDT_LR, WIDE_DEEP
from tests.updates.flows.online import hurry
from tests.updates.flows.worlds import World
from updates.flows.quarantine import lift, quarantine
from updates.flows.select_samples import Selection, select
from updates.samples.batches import from_ms, to_ms
from updates.samples.log import SampleLog
from updates.samples.offsets import count, rest, union

FIRST = 150
OF_KIND = {
    "sparse_linear": (["full", "incremental", "online", "session"], {}),
    "gbdt_lr": (["full", "incremental", "local:lr", "local:trees"], GBDT_LR),
    "factors": (
        ["full", "incremental", "online", "local:items", "local:users"],
        {"learner": "factors", "learner_options": {}},
    ),
    "wide_deep": (["incremental", "online", "local:upper", "local:embeddings"], WIDE_DEEP),
}
EXAMPLES = {"sparse_linear": 6, "gbdt_lr": 2, "factors": 2, "wide_deep": 1}


@pytest.fixture(autouse=True)
def hurried(transactional_db, valkey, monkeypatch):
    hurry(monkeypatch)


def selections(samples):
    """Ranges of offsets and of times, and what filters find."""
    first = st.integers(2, samples - 1)
    spans = st.tuples(first, st.integers(0, 40)).map(lambda at: (at[0], min(sum(at), samples)))

    def seconds(offset):
        return from_ms(to_ms(FIRST_EVENT_TIME) + 1000 * (offset - 1))

    return st.one_of(
        spans.map(lambda at: Selection(first_offset=at[0], last_offset=at[1])),
        spans.map(
            lambda at: Selection(event_time_from=seconds(at[0]), event_time_to=seconds(at[1] + 1))
        ),
        st.integers(0, 19).map(lambda i: Selection(where={"item": f"i{i}"})),
        st.tuples(st.integers(0, 2), st.integers(0, 49)).map(
            lambda both: Selection(where={"genres": f"g{both[0]}", "user": f"u{both[1]}"})
        ),
    )


@pytest.mark.parametrize("kind", OF_KIND)
def test_a_rebuilt_model_is_one_that_never_saw_the_samples_and_undone_one_that_always_did(
    kind, make_recommender, make_batch
):
    ways, about = OF_KIND[kind]
    increment = st.tuples(st.integers(20, 60), st.sampled_from(ways))

    @hypothesis.settings(
        max_examples=EXAMPLES[kind],
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.reuse, hypothesis.Phase.generate],
    )
    @given(
        data=st.data(), increments=st.lists(increment, min_size=1, max_size=4), kept=st.booleans()
    )
    def holds(data, increments, kept):
        history = [FIRST, "full"] + [each for pair in increments for each in pair]
        samples = sum(step for step in history if isinstance(step, int))
        wanted = data.draw(st.lists(selections(samples), min_size=1, max_size=2))

        seen = World(make_recommender, make_batch, **about).do(*history)
        if history[-1] == "session":
            before = World(make_recommender, make_batch, **about).do(*history, "online").live()
        else:
            before = seen.live()
        log = SampleLog(seen.recommender).leaving_out([])
        wanted = [each for each in wanted if select(log, each)]
        ranges = union(pair for each in wanted for pair in select(log, each))
        assume(ranges and _something_is_left_each_time(history, ranges))

        never = World(make_recommender, make_batch, ranges, **about).do(*history)
        if history[-1] == "session":
            never.do("online")
        made = [quarantine(seen.recommender, each, reason="bad") for each in wanted]
        assert seen.rebuilt().digest == never.live().digest
        assert not any(
            v.has_learned(ranges) for v in seen.recommender.versions.filter(state="live")
        )

        if not kept:
            seen.forget_files()
        for each in made:
            lift(each, reason="it was right after all")
        assert seen.rebuilt().digest == before.digest

    holds()


def _something_is_left_each_time(history, ranges):
    """An update with nothing to learn makes no version."""
    start = 1
    for step in history:
        if isinstance(step, int):
            if not count(rest(ranges, start, start + step)):
                return False
            start += step
    return True
