"""A challenger has won: its champion becomes what it is, in one transaction."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from updates.flows.begin_schedule import FIELDS as SCHEDULE
from updates.flows.begin_schedule import begin_schedule
from updates.flows.cancel import cancel
from updates.flows.create_policy import create_policy
from updates.flows.promote import promote
from updates.models import Deployment, ModelVersion, Quarantine, Recommender, UpdatePolicy

# Of a policy, what somebody has decided: not whose it is, nor where its timetable stands.
DECIDED = [
    field.name
    for field in UpdatePolicy._meta.fields
    if field.editable and not field.primary_key and field.name != "recommender"
]
LEARNS_WITH = ["learner", "learner_options", "component_objectives"]


class NotAdoptable(RuntimeError):
    """There is nothing to adopt; says why."""


class AdoptError(ValueError):
    """The adoption asked for cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def adopt(challenger: Recommender, *, reason: str, by: Any = None) -> Deployment:
    """Give the champion the challenger's learner, options, policies and live version.

    The version is a new one of the champion's with the same artifact, so that it scores to the bit
    as the challenger's did, and goes on from the same offset. Updates of the champion that are
    under way are cancelled: they were made for what it was. The challenger stays.

    Raises AdoptError, NotAdoptable, CorruptArtifact, and LogUnavailable as ``begin_schedule``.
    """
    if not reason.strip():
        raise AdoptError("reason", "Say why: the next one to look will want to know.")
    if challenger.challenges_id is None:
        raise NotAdoptable(f"{challenger.slug} challenges no other recommender.")
    with transaction.atomic():
        champion, challenger = _locked(challenger)
        version = _adoptable(challenger)
        why = f"adopted from {challenger.slug}, its version {version.number}: {reason}"
        for run in champion.runs.active():
            cancel(run, by=by, reason=why)
        _learn_as(champion, challenger, by, why)
        copy_policies(challenger, champion, by=by, why=why)
        own = version.copied_to(champion, parent=champion.live_version, why=why)
        return promote(own, reason=why, by=by)


def _locked(challenger: Recommender) -> tuple[Recommender, Recommender]:
    """Both as they are now, the champion first, as whoever locks all readers of a log does."""
    found = challenger.readers.filter(pk__in=[challenger.challenges_id, challenger.pk])
    champion, challenger = found.select_for_update()
    return champion, challenger


def _adoptable(challenger: Recommender) -> ModelVersion:
    version = challenger.live_version
    if version is None:
        raise NotAdoptable(f"{challenger.slug} has no live version yet.")
    fresh = challenger.new_learner()
    if (version.learner, fresh.resolve(version.learner_options)) != (fresh.name, fresh.settings):
        raise NotAdoptable(
            f"Version {version.number} of {challenger.slug} was learned with another learner, "
            "options or schema than it has now; run a full update of it first."
        )
    if version.has_learned(Quarantine.standing_ranges(challenger)):
        raise NotAdoptable(
            f"Version {version.number} of {challenger.slug} has learned samples that are "
            "quarantined; wait for its rebuild."
        )
    return version


def _learn_as(champion: Recommender, challenger: Recommender, by: Any, why: str) -> None:
    champion.learner, champion.learner_options = challenger.learner, challenger.learner_options
    # Objectives are the champion's own, as far as there still is what they are for.
    known = set(champion.component_names)
    objectives = champion.component_objectives.items()
    champion.component_objectives = {name: s for name, s in objectives if name in known}
    champion._history_user, champion._change_reason = by, why[:100]
    champion.save(update_fields=LEARNS_WITH)


def copy_policies(
    source: Recommender, target: Recommender, *, by: Any = None, why: str = ""
) -> list[UpdatePolicy]:
    """Have the target updated by the same policies as the source, and by no others.

    Those of the same name stay and are changed; timetables begin now. Returns the target's. Raises
    LogUnavailable as ``begin_schedule`` does.
    """
    theirs, ours = ({p.name: p for p in r.policies.all()} for r in (source, target))
    with transaction.atomic():
        for policy in ours.values():
            if policy.name not in theirs:
                _by(policy, by, why).delete()
        return [_as(theirs[name], ours.get(name), target, by, why) for name in theirs]


def _as(
    original: UpdatePolicy, known: UpdatePolicy | None, target: Recommender, by: Any, why: str
) -> UpdatePolicy:
    policy = known or UpdatePolicy()
    policy.recommender = target
    for name in DECIDED:
        setattr(policy, name, getattr(original, name))
    _by(policy, by, why)
    if known is None:
        return create_policy(policy, by=by)
    begin_schedule(policy)
    policy.save(update_fields=[*DECIDED, *SCHEDULE])
    return policy


def _by(policy: UpdatePolicy, by: Any, why: str) -> UpdatePolicy:
    policy._history_user, policy._change_reason = by, why[:100]
    return policy
