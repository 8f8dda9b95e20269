"""Canaries that a person begins or ends, or that what a person makes live overtakes."""

import pytest
from django.utils import timezone

from tests.updates.flows.canaries import *  # noqa: F403 - versions on trial
from tests.updates.flows.canaries import SECONDS, ended, judged, numbers
from updates.flows.canary import CannotTry, ReasonMissing, end_by_hand, try_by_hand
from updates.flows.promote import promote
from updates.flows.roll_back import roll_back
from updates.flows.trigger import WriterBusy, trigger
from updates.models import Deployment, UpdateRun
from updates.models.canary import OnTrial


def test_a_person_tries_a_rejected_version(recommender, bad, append, operator):
    append(recommender, 1000)
    version = judged(bad).version
    again = try_by_hand(version, share=0.05, seconds=60, reason="the data is right", by=operator)
    assert (again.state, again.run, again.begun_by) == ("running", None, operator)
    with pytest.raises(OnTrial, match="Version 2 is on trial until"):
        trigger(recommender, strategy="full")
    append(recommender, 1000)
    again = judged(again)
    assert again.state == "rejected"
    assert again.metrics["candidate"]["samples"] == 1000
    assert numbers(recommender) == (1, ["live", "rejected"])


def test_a_retired_version_is_promoted_by_whoever_tried_it(recommender, canary, live, operator):
    ended(canary)
    live.refresh_from_db()
    again = try_by_hand(live, share=0.1, seconds=2 * SECONDS, reason="better?", by=operator)
    ended(again)
    assert numbers(recommender) == (1, ["live", "retired"])
    assert Deployment.objects.get(ended_at=None).moved_by == operator


def test_a_person_ends_it_either_way(recommender, canary, operator):
    version = canary.version
    end_by_hand(version, promote=False, reason="not on a Friday", by=operator)
    canary.refresh_from_db()
    assert (canary.state, canary.run.state) == ("cancelled", "cancelled")
    version.refresh_from_db()
    try_by_hand(version, share=0, seconds=60, reason="again", by=operator)
    end_by_hand(version, promote=True, reason="it is fine", by=operator)
    assert numbers(recommender) == (2, ["retired", "live"])
    with pytest.raises(CannotTry, match="is not on trial"):
        end_by_hand(version, promote=True, reason="again")


def test_while_an_update_is_at_work_nothing_is_tried(recommender, live, another):
    run = UpdateRun.objects.create(recommender=recommender, strategy="full", components=["weights"])
    run.claim("test", {}, timezone.now())
    with pytest.raises(WriterBusy, match="full, running"):
        try_by_hand(another(), share=0, seconds=60, reason="why not")


def test_what_cannot_be_tried_is_said(recommender, live, policy):
    with pytest.raises(CannotTry, match="Version 1 is live"):
        try_by_hand(live, share=0, seconds=60, reason="why not")
    with pytest.raises(ReasonMissing):
        try_by_hand(live, share=0, seconds=60, reason=" ")
    with pytest.raises(ReasonMissing):
        end_by_hand(live, promote=True, reason="")


def test_where_something_learns_online_nothing_is_tried(recommender, canary):
    ended(canary)
    recommender.policies.all().delete()
    recommender.policies.create(name="always", strategy="online", trigger="continuous")
    with pytest.raises(CannotTry, match="Policy always learns online"):
        try_by_hand(canary.live, share=0, seconds=60, reason="why not")


def test_what_is_made_live_by_hand_overtakes_it(recommender, canary, another, operator):
    promote(another(), reason="a mended one", by=operator)
    canary.refresh_from_db()
    assert (canary.state, canary.run.state) == ("overtaken", "rejected")
    assert "Version 3 was made live while version 2 was on trial." in canary.run.error
    assert numbers(recommender) == (3, ["retired", "rejected", "live"])


def test_a_roll_back_overtakes_it(recommender, canary, live, another):
    end_by_hand(canary.version, promote=True, reason="sure")
    third = try_by_hand(another(), share=0.1, seconds=SECONDS, reason="compare")
    live.refresh_from_db()
    roll_back(recommender, to=live, reason="worse")
    third.refresh_from_db()
    assert (third.state, third.version.state) == ("overtaken", "rejected")
    assert numbers(recommender) == (1, ["live", "retired", "rejected"])


def test_made_live_itself_by_hand_it_has_come_to_its_end(recommender, canary):
    promote(canary.version, reason="it is better")
    canary.refresh_from_db()
    assert (canary.state, canary.run.state) == ("promoted", "promoted")
    assert "made live by hand before its canary ended" in canary.verdict
