"""Which components a policy may update and how, and which policies go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from updates.learners.options import OptionError
from updates.models.policy_canary import overtaken_online

if TYPE_CHECKING:
    from updates.models.policy import UpdatePolicy

FULL, INCREMENTAL, ONLINE, LOCAL = "full", "incremental", "online", "local"
CLIENT = "client"


def component_errors(policy: UpdatePolicy) -> dict[str, str]:
    """What is wrong with the components of a recommender's policy, by field."""
    if not isinstance(policy.components, list):
        return {"components": "Must be a list of component names."}
    known, named = list(policy.learner.components), set(policy.components)
    if unknown := sorted(named - set(known)):
        return {"components": f"Unknown: {unknown}; this learner has {known}."}
    if not policy.learner.trained_here and (wrong := _not_for_a_trainer(policy)):
        return wrong
    if policy.strategy == LOCAL and len(known) == 1:
        only = f"{policy.recommender.learner} has one component only"
        return {"strategy": f"{only}: use incremental, online or full."}
    if policy.strategy == INCREMENTAL and (why := _only_full(policy)):
        return {"strategy": why}
    wrong = ""
    if policy.strategy == CLIENT and named - {policy.learner.device_component}:
        wrong = f"Devices refresh {policy.learner.device_component} only."
    elif policy.strategy == LOCAL and not named:
        wrong = f"Name those that it updates; this learner has {known}."
    elif policy.strategy == ONLINE and named and not policy.learner.moved(named):
        wrong = f"{sorted(named)} are only trained anew: use local or full."
    elif policy.strategy in (FULL, INCREMENTAL) and named and named < set(known):
        wrong = f"Strategy {policy.strategy} is for all of them: use local for some."
    return {"components": wrong} if wrong else {}


def _only_full(policy: UpdatePolicy) -> str:
    recommender = policy.recommender
    try:
        what = policy.learner.only_full(recommender.learner_options)
    except OptionError as error:
        return f"{error}."
    return f"{recommender.learner} cannot learn on with {what}: use full." if what else ""


def replay_errors(policy: UpdatePolicy) -> dict[str, str]:
    """What is wrong with its replay_fraction: some learners count their samples."""
    recommender = policy.recommender
    if not policy.replay_fraction or policy.learner.replays(recommender.learner_options):
        return {}
    why = f"Must be 0: {recommender.learner} would count replayed samples twice."
    return {"replay_fraction": why}


def _not_for_a_trainer(policy: UpdatePolicy) -> dict[str, str]:
    """What asks for a look into a model that is trained elsewhere, by field."""
    name = policy.recommender.learner
    if not policy.learner.updated_here:
        return {"strategy": f"{name}: it is updated elsewhere, and its versions are reported."}
    if policy.strategy not in (FULL, INCREMENTAL):
        return {"strategy": f"{name}: its trainer takes full and incremental updates only."}
    unseen = f"Must be empty: {name} models are not loaded here."
    wrong = {
        field: unseen
        for field in ("max_score_ms", "max_deployed_bytes", "canary_seconds")
        if getattr(policy, field) is not None
    }
    if policy.replay_fraction:
        wrong["replay_fraction"] = f"Must be 0: what {name} learns again is up to its trainer."
    return wrong


def conflicts(policy: UpdatePolicy) -> dict[str, str]:
    """Why it does not go together with another policy that is on, where one of both is local, is
    for devices, or has canaries.

    Two that learn on would take the samples of a component from one another; and what lives in a
    space that is learned online would be trained for one that is gone when it is done. What is
    begun anew over a window is in nobody's way.
    """
    if not policy.enabled:
        return {}
    if why := overtaken_online(policy):
        return why
    if policy.begins_anew:
        return {}
    for other in policy.recommender.policies.filter(enabled=True).exclude(pk=policy.pk):
        if why := _unlearned_by_users(policy, other):
            return {"components": why}
        if CLIENT in (policy.strategy, other.strategy):
            continue
        if LOCAL not in (policy.strategy, other.strategy) or other.begins_anew:
            continue
        if why := _same_component(policy, other) or _moving_space(policy, other):
            return {"components": why}
    return {}


def _unlearned_by_users(policy: UpdatePolicy, other: UpdatePolicy) -> str:
    """Devices count on it that what is learned online has moved their users."""
    users = policy.learner.device_component
    for one, another in ((policy, other), (other, policy)):
        learns_beside = one.strategy == ONLINE and another.strategy == CLIENT
        if learns_beside and users not in one.effective_components:
            return (
                f"Policy {one.name} learns online without {users}, which the devices of policy "
                f"{another.name} refresh. Let {one.name} update {users} as well."
            )
    return ""


def _same_component(policy: UpdatePolicy, other: UpdatePolicy) -> str:
    both = sorted(set(policy.effective_components) & set(other.effective_components))
    if not both:
        return ""
    return (
        f"Policy {other.name} ({other.strategy}) updates {', '.join(both)} too. A component learns "
        "each sample once, so that one of both would find nothing to do: leave it to one of them, "
        "or give one a window, to begin anew with it."
    )


def _moving_space(policy: UpdatePolicy, other: UpdatePolicy) -> str:
    for one, another in ((policy, other), (other, policy)):
        if one.strategy != ONLINE:
            continue
        for name, space in policy.learner.lives_in.items():
            if space in one.effective_components and name in another.effective_components:
                return (
                    f"Policy {one.name} moves {space} online, and {name} lives in their space: "
                    f"policy {another.name} would train it for a space that is gone when it is "
                    f"done. Let {one.name} update {name} as well."
                )
    return ""
