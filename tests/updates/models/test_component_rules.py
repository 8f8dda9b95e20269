"""Which components a policy may update, and which policies go together."""

import pytest
from django.core.exceptions import ValidationError

from updates.flows.pause import pause, resume
from updates.flows.trigger import TriggerError, trigger
from updates.learners.gbdt_lr.learner import GBDTLR
from updates.models import UpdatePolicy


@pytest.fixture
def recommender(make_recommender):
    return make_recommender(learner="wide_deep")


@pytest.mark.parametrize(
    ("strategy", "components", "field", "problem"),
    [
        ("local", [], "components", "Name those that it updates"),
        ("local", ["wings"], "components", "Unknown"),
        ("full", ["upper"], "components", "use local for some"),
        ("incremental", ["upper"], "components", "use local for some"),
    ],
)
def test_components_that_a_strategy_cannot_update_are_refused(
    recommender, strategy, components, field, problem
):
    with pytest.raises(TriggerError, match=problem) as refused:
        trigger(recommender, strategy=strategy, components=components)
    assert refused.value.field == field


def test_a_learner_of_one_component_has_nothing_local(make_recommender):
    with pytest.raises(TriggerError, match="has one component only"):
        trigger(make_recommender(), strategy="local", components=["weights"])


def policy_of(recommender, name, strategy, components, **fields):
    about = {"trigger": "manual"} | fields
    return UpdatePolicy(
        recommender=recommender, name=name, strategy=strategy, components=components, **about
    )


CONFLICTS = {
    "same-component": ("local", ["upper", "wide"], "updates upper too"),
    "all-components": ("incremental", [], "updates upper too"),
    "online": ("online", ["wide", "upper"], "updates upper too"),
    "moving-space": ("online", ["embeddings"], "upper lives in their space"),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_a_pair_of_policies_that_conflict_is_explained(make_recommender, case):
    strategy, components, problem = CONFLICTS[case]
    recommender = make_recommender(learner="wide_deep")
    policy_of(recommender, "upper", "local", ["upper"]).save()
    with pytest.raises(ValidationError, match=problem) as refused:
        policy_of(recommender, "other", strategy, components).full_clean()
    assert set(refused.value.message_dict) == {"components"}


def test_policies_that_go_together_are_accepted(make_recommender):
    recommender = make_recommender(learner="wide_deep")
    for name, strategy, components, window in (
        ("wide", "online", ["wide"], None),
        ("upper", "local", ["upper"], None),
        ("embeddings", "local", ["embeddings"], None),
        ("anew", "local", ["upper"], 86_400),
        ("weekly", "full", [], None),
    ):
        policy = policy_of(recommender, name, strategy, components, window_seconds=window)
        policy.full_clean()
        policy.save()


def test_samples_are_not_learned_by_trees_so_policies_hold_only_what_they_move(make_recommender):
    recommender = make_recommender(learner="gbdt_lr")
    learns = {
        strategy: policy_of(recommender, "p", strategy, []).effective_components
        for strategy in ("full", "incremental", "online")
    }
    both = ["trees", "lr"]
    assert learns == {"full": both, "incremental": ["lr"], "online": ["lr"]}
    with pytest.raises(ValidationError, match="only trained anew"):
        policy_of(recommender, "p", "online", ["trees"]).full_clean()


def test_the_learner_says_what_an_update_of_trees_writes():
    assert GBDTLR.written(["trees"]) == ("trees", "lr")
    assert GBDTLR.written(["lr"]) == ("lr",)


def test_a_paused_policy_is_resumed_only_where_it_goes_together_with_those_that_are_on(
    recommender, valkey
):
    first = policy_of(recommender, "first", "local", ["upper"])
    first.save()
    pause(first)
    policy_of(recommender, "second", "local", ["upper"]).save()
    with pytest.raises(TriggerError, match="Policy second"):
        resume(first)
    first.refresh_from_db()
    assert not first.enabled
