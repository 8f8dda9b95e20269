"""Sessions follow one another without a gap: what one has sent, the next one goes on from."""

import itertools

import pytest

from tests.updates.flows.online import learned_at_once, make_policy, see_through, sent_through
from updates import scheduling
from updates.flows.execute import execute
from updates.flows.online import position
from updates.flows.online import session as sessions
from updates.flows.trigger import trigger
from updates.models import UpdateRun
from updates.serving.deltas import DeltaStream
from updates.serving.loader import load

BURST, STEP = 2_000, 150


@pytest.fixture
def policy(live, monkeypatch):
    """Each session learns two steps, becomes a version and ends; the second is not yet sent."""
    steps = itertools.count(1)
    monkeypatch.setattr(sessions, "ROWS_A_STEP", STEP)
    monkeypatch.setattr(sessions.Session, "_version_is_due", lambda self: next(steps) % 2 == 0)
    return make_policy(live.recommender, sync_interval_ms=60_000)


def deltas(valkey, recommender):
    stream = DeltaStream(valkey, recommender.stream_key, position.epoch_of(recommender))
    return stream.read(0)


def follow_on(policy, valkey, goal, between=lambda: None):
    """One session after the other, as their ends begin them, until all is sent; how many."""
    run, count = trigger(policy.recommender, policy=policy), 0
    while sent_through(valkey, policy.recommender) < goal:
        between()
        assert execute(run.pk, "test")
        count += 1
        scheduling.wake_followers(run.pk)
        run = UpdateRun.objects.get(strategy="online", state="queued")
    return count


@pytest.mark.parametrize("same_process", [True, False])
def test_in_a_burst_the_deltas_of_many_sessions_go_on_from_one_another(
    same_process, policy, live, append, valkey, make_batch
):
    for _ in range(BURST // 100):
        append(policy.recommender, 100)
    between = (lambda: None) if same_process else position.LEFT.clear
    count = follow_on(policy, valkey, 1000 + BURST, between)
    assert count >= 5
    sent = deltas(valkey, policy.recommender)
    assert [delta.sequence for delta in sent] == list(range(1, len(sent) + 1))
    assert len(sent) >= count
    reached = live.next_offset - 1
    for delta in sent:
        assert delta.since <= reached < delta.offset
        reached = delta.offset
    assert reached == 1000 + BURST
    assert sum(n for delta in sent for _, n in delta.arrivals) == BURST
    served = load(live, serving=True)
    for delta in sent:
        served.apply(delta.payload)
    rows = make_batch(100)
    expected = learned_at_once(policy.recommender, 1000 + BURST).predict(rows)
    assert served.predict(rows).tolist() == expected.tolist()


def test_a_session_that_makes_way_has_sent_all_that_it_learned(policy, append, valkey):
    append(policy.recommender, 100)
    steps = []
    # Learned at its second step, before it is time to send again.
    see_through(policy, lambda: steps.append(append(policy.recommender, 10)) or len(steps) == 2)
    assert sent_through(valkey, policy.recommender) == 1110


def test_a_session_ends_well_while_valkey_is_away(policy, append, valkey, monkeypatch):
    append(policy.recommender, 100)

    def away(*args):
        raise sessions.LogUnavailable("Valkey is away")

    monkeypatch.setattr(DeltaStream, "publish", away)
    run = see_through(policy, lambda: True)
    assert (run.state, run.transitions.last().why) == (
        "queued",
        "its worker was stopped; queued again",
    )
