"""Adopting a challenger: its champion becomes what it is, in one transaction."""

import pytest

from tests.updates.flows.challengers import challenge
from tests.updates.flows.online import make_policy
from updates.flows.adopt import AdoptError, NotAdoptable, adopt, copy_policies
from updates.flows.delete_recommender import delete_recommender
from updates.flows.execute import execute
from updates.flows.prune import prune
from updates.flows.quarantine import quarantine
from updates.flows.select_samples import Selection
from updates.flows.trigger import trigger
from updates.models import AuditEvent, Deployment, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.serving import scorer

WHY = "ahead for a week"
ROWS = [{"user": f"u{n}", "item": f"i{n % 20}", "device": "phone"} for n in range(50)]


def interval(recommender, name, seconds, **fields):
    fields = {"strategy": "incremental", "trigger": "interval"} | fields
    return UpdatePolicy.objects.create(
        recommender=recommender, name=name, interval_seconds=seconds, **fields
    )


@pytest.fixture
def champion(live):
    """Updated hourly, and once a day anew."""
    interval(live.recommender, "updates", 3600)
    interval(live.recommender, "nightly", 86_400, strategy="full")
    return live.recommender


@pytest.fixture
def challenger(champion, update):
    """With other options and a faster cadence, one update ahead of its first version."""
    made = challenge(champion, learner_options={"alpha": 0.1})
    interval(made, "updates", 60, max_ne_increase=0.5)
    update(made)
    made.refresh_from_db()
    return made


def test_the_champion_scores_to_the_bit_as_the_challengers_version(champion, challenger):
    before = scorer.score(champion, ROWS).scores
    theirs = scorer.score(challenger, ROWS).scores
    adopt(challenger, reason=WHY)
    scorer.process_scorer().look()
    assert scorer.score(champion, ROWS).scores == theirs != before


def test_the_version_is_the_champions_own_with_the_same_artifact(champion, challenger, operator):
    was = champion.live_version
    deployment = adopt(challenger, reason=WHY, by=operator)
    champion.refresh_from_db()
    live = champion.live_version
    assert (live.recommender, live.parent, live.number) == (champion, was, was.number + 1)
    assert live.digest == challenger.live_version.digest
    assert live.next_offset == challenger.live_version.next_offset
    assert deployment == Deployment.objects.get(recommender=champion, ended_at=None)
    assert (deployment.kind, deployment.moved_by) == ("promotion", operator)
    assert deployment.reason == f"adopted from challenger, its version 1: {WHY}"


def test_the_champion_has_the_challengers_learner_and_policies_and_no_others(champion, challenger):
    kept = champion.policies.get(name="updates")
    adopt(challenger, reason=WHY)
    champion.refresh_from_db()
    assert champion.learner_options == {"alpha": 0.1}
    policy = champion.policies.get()
    assert (policy.pk, policy.interval_seconds, policy.max_ne_increase) == (kept.pk, 60, 0.5)
    assert challenger.policies.count() == 1
    assert policy.next_due_at > kept.created_at


def test_it_is_in_the_audit_trail_with_who_and_why(champion, challenger, operator):
    adopt(challenger, reason=WHY, by=operator)
    found = AuditEvent.objects.filter(recommender=champion.slug, actor=operator.username)
    assert {"changed", "deleted", "promoted"} <= set(found.values_list("action", flat=True))
    assert all(WHY in event.why for event in found)


def test_learning_goes_on_from_where_the_challenger_stood(champion, challenger, append, update):
    adopt(challenger, reason=WHY)
    append(champion, 200)
    ours, theirs = (update(each, "incremental") for each in (champion, challenger))
    assert ours.state == theirs.state == "promoted", ours.error
    assert ours.result_version.digest == theirs.result_version.digest


def test_updates_of_the_champion_under_way_are_cancelled(champion, challenger):
    run = trigger(champion, strategy="full")
    adopt(challenger, reason=WHY)
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_another_learner_is_adopted_with_an_online_policy(live, update):
    champion = live.recommender
    make_policy(champion)
    challenger = challenge(champion, learner="gbdt_lr", learner_options={"num_trees": 5})
    interval(challenger, "updates", 60, strategy="full")
    update(challenger)
    theirs = scorer.score(challenger, ROWS).scores
    adopt(challenger, reason=WHY)
    champion.refresh_from_db()
    scorer.process_scorer().look()
    assert champion.learner == "gbdt_lr"
    assert scorer.score(champion, ROWS).scores == theirs


def test_what_the_champion_serves_outlives_the_challenger(champion, challenger):
    adopt(challenger, reason=WHY)
    challenger.keep_versions = 2
    prune(challenger)
    delete_recommender(challenger)
    scorer.process_scorer().look()
    assert scorer.score(champion, ROWS).scores


def test_after_a_quarantine_it_is_made_again_from_what_the_challenger_came_of(
    champion, challenger, append, update
):
    append(champion, 200)
    update(challenger, "incremental")
    challenger.refresh_from_db()
    adopt(challenger, reason=WHY)
    quarantine(champion, Selection(first_offset=1101, last_offset=1110), reason="spam")
    for run in UpdateRun.objects.filter(state="queued"):
        execute(run.pk, "test")
    champion.refresh_from_db()
    challenger.refresh_from_db()
    assert champion.live_version.digest == challenger.live_version.digest
    assert not champion.live_version.has_learned([[1101, 1110]])
    assert champion.live_version.next_offset == SampleLog(champion).head().last_offset + 1


def test_nothing_changes_without_a_reason_or_a_version(champion, live, update):
    fresh = challenge(champion)
    with pytest.raises(AdoptError, match="Say why"):
        adopt(fresh, reason=" ")
    with pytest.raises(NotAdoptable, match="no live version"):
        adopt(fresh, reason=WHY)
    with pytest.raises(NotAdoptable, match="challenges no other"):
        adopt(champion, reason=WHY)
    champion.refresh_from_db()
    assert champion.live_version == live


def test_options_that_its_version_was_not_learned_with_are_not_adopted(challenger):
    challenger.learner_options = {"alpha": 0.3}
    challenger.save(update_fields=["learner_options"])
    with pytest.raises(NotAdoptable, match="run a full update of it first"):
        adopt(challenger, reason=WHY)


def test_copied_policies_are_new_ones_of_the_target(champion):
    fresh = challenge(champion)
    copied = copy_policies(champion, fresh)
    assert {policy.name for policy in copied} == {"updates", "nightly"}
    assert champion.policies.count() == 2
