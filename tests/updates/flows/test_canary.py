"""Canaries: a candidate on trial is promoted, rejected, cancelled or overtaken."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from tests.updates.flows.canaries import *  # noqa: F403 - versions on trial
from tests.updates.flows.canaries import SECONDS, ended, judged, make_trying, numbers
from updates import tasks
from updates.artifacts import CorruptArtifact
from updates.flows import canary_judge
from updates.flows import execute as executing
from updates.flows.canary import end_by_hand, try_by_hand
from updates.flows.canary_judge import look_after_canaries
from updates.flows.cancel import cancel
from updates.flows.delete_recommender import StillUpdating, delete_recommender
from updates.flows.execute import execute
from updates.flows.prune import prune
from updates.flows.quarantine import quarantine
from updates.flows.select_samples import Selection
from updates.flows.trigger import WriterBusy, trigger
from updates.models import AuditEvent, Canary, Deployment, UpdateRun
from updates.models.canary import JUDGE_TAKES, MOST_ATTEMPTS
from updates.samples.log import LogUnavailable, SampleLog
from updates.scheduling import take_up_abandoned, tick


def test_a_candidate_that_passed_the_gate_waits_on_trial(recommender, canary):
    assert numbers(recommender) == (1, ["live", "candidate"])
    assert (canary.state, canary.version.number, canary.live.number) == ("running", 2, 1)
    assert (canary.share, canary.seconds) == (0.2, SECONDS)
    assert canary.run.result_version == canary.version
    assert "On trial for 10 min, answering 20 % of the users" in canary.run.transitions.last().why


def test_at_its_end_it_is_promoted_by_its_run_with_what_it_has_shown(recommender, canary, append):
    append(recommender, 2000)
    Canary.objects.filter(pk=canary.pk).update(scored_requests=1234, scored_users=210)
    canary = ended(canary)
    assert numbers(recommender) == (2, ["retired", "live"])
    assert (canary.state, canary.run.state) == ("promoted", "promoted")
    assert "1,234 requests of 210 users, with a share of 20 %" in canary.verdict
    assert "On 2,000 samples that arrived its NE was 0." in canary.verdict
    assert "2,000 samples that it has not learned have arrived meanwhile." in canary.verdict
    deployment = Deployment.objects.get(ended_at=None)
    assert (deployment.run, deployment.reason) == (canary.run, canary.verdict)
    gain, (low, high) = canary.metrics["ne_gain"], canary.metrics["ne_gain_interval"]
    assert low < gain < high


def test_before_its_end_a_good_candidate_is_judged_and_goes_on(recommender, canary, append):
    append(recommender, 500)
    canary = judged(canary)
    assert (canary.state, canary.metrics["candidate"]["samples"]) == ("running", 500)
    append(recommender, 300)
    assert judged(canary).metrics["candidate"]["samples"] == 800


def test_a_broken_guardrail_ends_it_at_once(recommender, bad, append):
    append(recommender, 1000)
    canary = judged(bad)
    assert numbers(recommender) == (1, ["live", "rejected"])
    assert (canary.state, canary.run.state) == ("rejected", "rejected")
    assert "NE is worse than the live version's by" in canary.run.error
    assert "a gain of −" in canary.verdict


def test_with_too_few_samples_it_is_promoted_unless_it_broke_something(recommender, canary, append):
    append(recommender, 20)
    canary = ended(canary)
    assert canary.state == "promoted"
    assert "20 samples" in canary.verdict
    assert "too few to judge it" in canary.verdict


def test_with_no_sample_at_all_it_says_so(recommender, canary):
    canary = ended(canary)
    assert canary.state == "promoted"
    assert "0 samples, 0 of the rarer label, are too few to judge it." in canary.verdict


def test_only_the_newest_samples_judge_a_long_canary(recommender, canary, append, monkeypatch):
    monkeypatch.setattr("updates.flows.canary_judge.MOST_JUDGED", 300)
    append(recommender, 900)
    canary = judged(canary)
    assert canary.metrics["candidate"]["samples"] == 300
    assert canary.judged_through == 2900


def test_no_other_update_begins_meanwhile(recommender, canary, policy, update):
    with pytest.raises(WriterBusy):
        trigger(recommender, strategy="full")
    fire = trigger(recommender, policy=policy, due_at=canary.began_at)
    assert not execute(fire.pk, "test")
    ended(canary)
    assert execute(fire.pk, "test")


def test_what_had_begun_before_it_is_not_promoted_meanwhile(
    recommender, live, another, monkeypatch, update
):
    begin = executing.publish

    def put_another_on_trial_first(*args):
        UpdateRun.objects.update(state="queued")
        try_by_hand(another(), share=0, seconds=SECONDS, reason="at the same instant")
        UpdateRun.objects.filter(finished_at=None).update(state="evaluating")
        return begin(*args)

    monkeypatch.setattr(executing, "publish", put_another_on_trial_first)
    run = update(recommender)
    assert run.state == "rejected"
    assert "Version 2 is on trial" in run.error
    assert Canary.objects.get().state == "running"


def test_a_run_on_trial_is_not_taken_for_abandoned(recommender, canary):
    take_up_abandoned(canary.began_at + timedelta(days=1))
    assert UpdateRun.objects.get(pk=canary.run_id).state == "canary"


def test_cancelling_its_run_ends_it(recommender, canary, operator):
    cancel(canary.run, by=operator, reason="a wrong window")
    canary.refresh_from_db()
    assert (canary.state, canary.ended_by, canary.run.state) == ("cancelled", operator, "cancelled")
    assert canary.verdict.startswith("A wrong window. In 0 s it answered 0 requests")
    assert numbers(recommender) == (1, ["live", "rejected"])
    assert ended(canary).state == "cancelled"


def test_a_quarantine_ends_it(recommender, canary, operator, append):
    quarantine(
        recommender, Selection(first_offset=1500, last_offset=1600), reason="a bug", by=operator
    )
    canary.refresh_from_db()
    assert canary.state == "cancelled"
    assert canary.version.state == "quarantined"


def test_shadow_scoring_judges_and_answers_nobody(recommender, live, append, update):
    run = update_on_trial(recommender, append, update, canary_share=0)
    append(recommender, 500)
    canary = ended(Canary.objects.get(run=run))
    assert canary.state == "promoted"
    assert "In 10 min it answered nobody. On 500 samples" in canary.verdict


def update_on_trial(recommender, append, update, **fields):
    append(recommender, 1000)
    return update(recommender, make_trying(recommender, **fields))


def test_the_first_version_is_not_tried(recommender, update):
    policy = make_trying(recommender, strategy="full")
    assert update(recommender, policy).state == "promoted"


def test_a_full_update_is_tried_too(recommender, live, append, update):
    run = update_on_trial(recommender, append, update, strategy="full")
    assert run.state == "canary"
    assert ended(Canary.objects.get(run=run)).state == "promoted"


def test_one_worker_judges_and_another_takes_up_what_a_dead_one_left(recommender, bad, append):
    append(recommender, 1000)
    assert bad.claim(bad.began_at)
    assert judged(bad).state == "running"
    assert judged(bad, bad.began_at + JUDGE_TAKES).state == "rejected"


def test_what_kills_every_judge_is_rejected(recommender, canary):
    at = canary.began_at
    for _ in range(MOST_ATTEMPTS):
        at += JUDGE_TAKES
        assert canary.claim(at)
    canary = judged(canary, at + JUDGE_TAKES)
    assert canary.state == "rejected"
    assert "Workers stopped answering" in canary.verdict


def test_what_cannot_be_judged_is_not_promoted(recommender, canary, monkeypatch):
    def damaged(version, serving):
        raise CorruptArtifact("weights.safetensors: checksum mismatch")

    monkeypatch.setattr("updates.flows.canary_judge.load", damaged)
    assert ended(canary).state == "rejected"
    assert "checksum mismatch" in Canary.objects.get().verdict


def test_while_the_log_is_away_it_goes_on(recommender, canary, monkeypatch):
    def away(self):
        raise LogUnavailable("away")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(SampleLog, "head", away)
        assert ended(canary).state == "running"
    assert ended(canary).state == "promoted"


@pytest.fixture
def told(monkeypatch, valkey):
    """Keys of the canaries that workers were told to judge, in order, and each time at once."""
    keys = []

    def send(name, args, **about):
        assert name == tasks.judge_canary.name
        keys.extend(args)
        valkey.delete(f"recadmin:canary:{args[0]}:nudged")

    monkeypatch.setattr(canary_judge.current_app, "send_task", send)
    return keys


def test_it_is_looked_at_when_there_is_enough_to_say_more(recommender, canary, append, told):
    def looks(at=canary.began_at):
        before = len(told)
        look_after_canaries(at)
        return len(told) > before

    append(recommender, 99)
    assert not looks()
    append(recommender, 1)
    assert looks()
    judged(canary)
    append(recommender, 99)
    assert not looks()
    assert looks(canary.began_at + timedelta(seconds=SECONDS / 10))
    append(recommender, 1)
    assert looks()


def test_the_tick_has_it_looked_at_when_its_time_is_up(canary, told):
    tick(canary.ends_at - timedelta(seconds=1))
    assert told == []
    tick(canary.ends_at)
    assert told == [canary.pk]


def test_workers_are_not_told_again_at_each_tick(canary, valkey):
    for _ in range(3):
        look_after_canaries(canary.ends_at)
    assert valkey.llen("control") == 1


def test_there_is_one_at_most(recommender, canary):
    fields = {"first_offset": 1, "judged_through": 0, "ends_at": canary.ends_at, "share": 0}
    with pytest.raises(IntegrityError), transaction.atomic():
        recommender.canaries.create(version=canary.version, live=canary.live, **fields)


def test_its_files_are_kept(recommender, canary, another):
    recommender.keep_versions = 2
    recommender.save()
    another(), another()
    prune(recommender)
    canary.version.refresh_from_db()
    assert canary.version.pruned_at is None


def test_a_recommender_with_a_run_on_trial_is_not_deleted(recommender, canary):
    with pytest.raises(StillUpdating):
        delete_recommender(recommender)
    cancel(canary.run)
    delete_recommender(recommender)
    assert not Canary.objects.exists()


def test_its_beginning_and_end_are_in_the_audit_trail(recommender, canary, policy, append):
    began = AuditEvent.objects.get(action="canary-began")
    assert (began.actor, began.subject, began.after["share"]) == ("trying", "version 2", 0.2)
    end_by_hand(canary.version, promote=False, reason="no")
    finished = AuditEvent.objects.get(action="canary-ended")
    assert finished.after["state"] == "cancelled"
    assert "ended without promotion: No." in finished.why
