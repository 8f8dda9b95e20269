"""A guardrail on a running model freezes what it publishes; it thaws as guardrails hold again."""

import pytest

from tests.conftest import wait_until
from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.freezing import append_wrong, learned, look_always, mislead, open_freeze
from tests.updates.flows.online import make_policy, see_through, sent_through, session
from updates.flows.online import position
from updates.flows.online.freezing import ThawError, thaw
from updates.flows.quarantine import quarantine
from updates.flows.select_samples import Selection
from updates.models import (
    AuditEvent,
    Checkpoint,
    Deployment,
    ModelVersion,
    PublishingFreeze,
    UpdateRun,
)
from updates.models.freeze import NotFrozen
from updates.samples.log import SampleLog
from updates.serving.follow import Follower
from updates.serving.scorer import Scorer

ROWS = [
    {name: row[name] for name in ("user", "item", "device", "genres")}
    for row in learnable_rows(20, 5000)
]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    look_always(monkeypatch)
    monkeypatch.setattr("updates.serving.follow.CHECK_SECONDS", 0.0)
    monkeypatch.setattr("updates.flows.attempt.NOTE_SECONDS", 0.02)
    monkeypatch.setattr("updates.flows.attempt.LOOK_SECONDS", 0.02)


@pytest.fixture
def policy(live):
    return make_policy(live.recommender, max_score_shift=None)


@pytest.fixture
def scorer(policy):
    scorer = Scorer()
    scorer.score(policy.recommender, ROWS)
    return scorer


def test_what_it_learned_is_not_served_while_a_guardrail_is_broken(
    policy, live, scorer, append, make_batch, valkey
):
    recommender = policy.recommender
    before = scorer.score(recommender, ROWS).scores
    follower = Follower(scorer)
    with session(policy) as (run, _):
        frozen, first_wrong = mislead(policy, run, append, make_batch)
        sent = sent_through(valkey, recommender)
        learned(run, append(recommender, 100).last_offset)
        assert sent_through(valkey, recommender) == sent
        scorer.look()
        follower.step(wait_ms=1)
        served = scorer.score(recommender, ROWS)
        assert (served.scores, served.offset) == (before, 1000)
        run.refresh_from_db()
        assert (run.progress_phase, run.state) == ("publishing frozen", "running")
    assert frozen.base == live
    assert frozen.reason.startswith("NE on the newest ")
    assert "of version 1; max_ne_increase allows 0.01 (" in frozen.reason
    assert 1000 < frozen.good_offset < first_wrong
    assert frozen.looks[-1]["rising"]
    kept = ModelVersion.objects.get(number=2)
    assert (frozen.version, kept.state, kept.parent) == (kept, "rejected", live)
    assert kept.next_offset == frozen.offset + 1
    assert ModelVersion.objects.count() == 2
    [deployment] = Deployment.objects.filter(ended_at=None)
    assert (deployment.kind, deployment.version, deployment.reason) == (
        "freeze",
        live,
        frozen.reason,
    )
    assert AuditEvent.objects.filter(action="frozen", why=frozen.reason).exists()


def test_a_session_that_follows_stays_frozen_and_a_person_has_it_published_all_the_same(
    policy, scorer, append, make_batch, operator
):
    recommender = policy.recommender
    with session(policy) as (run, _):
        mislead(policy, run, append, make_batch)
    # As after kill -9: nothing is left in memory.
    position.LEFT.clear()
    UpdateRun.objects.filter(state="queued").update(state="cancelled")
    scorer.look()
    follower = Follower(scorer)
    with pytest.raises(ThawError):
        thaw(recommender, reason=" ", by=operator)
    with session(policy) as (run, _):
        last = append(recommender, 100).last_offset
        wait_until(lambda: UpdateRun.objects.get(pk=run.pk).progress_phase == "publishing frozen")
        learned(run, last)
        follower.step(wait_ms=1)
        assert scorer.score(recommender, ROWS).offset == 1000
        thaw(recommender, reason="It is right.", by=operator)
        wait_until(lambda: follower.step(wait_ms=1) and _offset(scorer, recommender) == last)
        last = append(recommender, 50).last_offset
        wait_until(lambda: follower.step(wait_ms=1) and _offset(scorer, recommender) == last)
        # Nor does a guardrail freeze it again, on this base.
        learned(run, append_wrong(recommender, make_batch, 500).last_offset)
        learned(run, append(recommender, 500).last_offset)
        assert open_freeze(recommender) is None
    expected = Checkpoint.objects.get()
    assert expected.next_offset == SampleLog(recommender).head().last_offset + 1
    said = PublishingFreeze.objects.get()
    assert (said.ended, said.ended_by, said.end_reason) == ("overruled", operator, "It is right.")
    event = AuditEvent.objects.get(action="thawed")
    assert (event.actor, event.why) == ("operator", "It is right.")
    with pytest.raises(NotFrozen):
        thaw(recommender, reason="Again.", by=operator)


def _offset(scorer, recommender):
    return scorer.score(recommender, ROWS).offset


def test_it_thaws_by_itself_once_the_guardrails_hold_again(
    policy, scorer, append, make_batch, valkey
):
    recommender = policy.recommender
    with session(policy) as (run, _):
        mislead(policy, run, append, make_batch)
        scorer.look()
        for _ in range(80):
            last = append(recommender, 200).last_offset
            learned(run, last)
            if open_freeze(recommender) is None:
                break
        follower = Follower(scorer)
        wait_until(lambda: follower.step(wait_ms=1) and _offset(scorer, recommender) >= last)
    thawed = PublishingFreeze.objects.get()
    assert thawed.ended == "held"
    assert thawed.end_reason == "The guardrails have held for 10 looks in a row."


def test_quarantining_what_followed_the_last_good_sample_ends_it(
    policy, append, make_batch, update
):
    recommender = policy.recommender
    with session(policy) as (run, thread):
        frozen, _ = mislead(policy, run, append, make_batch)
        wrong = Selection(first_offset=frozen.good_offset + 1, last_offset=frozen.offset)
        quarantine(recommender, wrong, reason="Bad labels.")
        thread.join(20)
    frozen.refresh_from_db()
    assert frozen.ended == "superseded"
    assert frozen.version.state == "quarantined"
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert not Checkpoint.objects.filter(epoch=position.epoch_of(recommender)).exists()


def test_what_is_as_good_as_its_base_is_never_frozen(policy, append, valkey):
    recommender = policy.recommender
    append(recommender, 5000)
    see_through(policy, lambda: sent_through(valkey, recommender) >= 6000)
    assert not PublishingFreeze.objects.exists()
