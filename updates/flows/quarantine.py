"""Surgical roll-back: samples are quarantined, and models are as if they had never been learned.

What learned them is not served any more: the newest version that has not is live at once, and the
one that was live is made again without them (``rebuild``). Lifting a quarantine does the same with
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from updates import signals
from updates.artifacts import CorruptArtifact
from updates.flows.beside import learned_online
from updates.flows.canary_end import abandon_all
from updates.flows.cancel import cancel
from updates.flows.deploy import deploy
from updates.flows.own_log import ensure_owns_log
from updates.flows.rebuild import plan, settle
from updates.flows.rebuild_cost import cpu_seconds
from updates.flows.relearn import NotProvable, can_be_read
from updates.flows.select_samples import Selection, select
from updates.flows.trigger import nudge
from updates.models import Deployment, ModelVersion, Quarantine, Recommender, UpdateRun
from updates.models.canary import CanaryState
from updates.models.deployment import DeploymentKind
from updates.models.quarantine import State, WrongState
from updates.models.run import REBUILD
from updates.models.version import VersionState
from updates.samples.log import SampleLog
from updates.samples.offsets import Range, count, overlap, union


class QuarantineError(ValueError):
    """The quarantine asked for cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclass(frozen=True)
class Outlook:
    """What a quarantine, or lifting one, would bring.

    ranges : the samples meant. affected : numbers of the versions that have learned them.
    answered_requests : scored by those while they were live.
    serves : the version that is live until the rebuild is done. base : the one built on; both None
    where there is none. age_seconds : of what is served meanwhile, now.
    samples_to_replay : to be learned by the rebuild, 0 where there is nothing to rebuild.
    cpu_seconds : that it will take, by what former runs took; None where none did.
    obstacle : why it cannot be rebuilt, or "".
    """

    ranges: Sequence[Range]
    affected: list[int]
    answered_requests: int
    serves: ModelVersion | None
    base: ModelVersion | None
    age_seconds: float | None
    rebuilds: bool
    samples_to_replay: int
    cpu_seconds: float | None
    obstacle: str

    @property
    def samples(self) -> int:
        """How many samples are meant."""
        return count(self.ranges)

    @property
    def serves_affected(self) -> bool:
        """Whether what is served meanwhile has learned them too."""
        return self.serves is not None and self.serves.number in self.affected


def preview(recommender: Recommender, selection: Selection) -> Outlook:
    """What quarantining these samples would bring; changes nothing.

    Raises SharesLog, and as ``select`` does.
    """
    ensure_owns_log(recommender)
    ranges = select(SampleLog(recommender), selection)
    standing = Quarantine.standing_ranges(recommender)
    return _outlook(recommender, ranges, union([*standing, *ranges]))


def preview_lift(quarantine: Quarantine) -> Outlook:
    """What lifting it would bring; changes nothing. Raises LogUnavailable."""
    others = quarantine.recommender.quarantines.filter(lifted_at=None).exclude(pk=quarantine.pk)
    return _outlook(quarantine.recommender, quarantine.ranges, Quarantine.ranges_of(others))


def _outlook(
    recommender: Recommender, ranges: Sequence[Range], left_out: Sequence[Range]
) -> Outlook:
    versions = recommender.versions.order_by("number")
    affected = [version for version in versions if version.has_learned(ranges)]
    answered = Deployment.objects.filter(version__in=affected).aggregate(n=Sum("scored_requests"))
    serves = _serves(recommender, left_out)
    rebuilds, base, samples, cost, obstacle = False, None, 0, None, ""
    try:
        work = plan(recommender, left_out)
        rebuilds = bool(work.makings) or _learns_online_beyond(recommender, ranges)
        if rebuilds:
            samples, cost = work.samples, cpu_seconds(recommender, work, left_out)
            base = work.base and recommender.versions.filter(digest=work.base.digest).first()
    except (NotProvable, CorruptArtifact) as error:
        rebuilds, obstacle = True, str(error)
    watermark = serves.watermark if serves else None
    return Outlook(
        ranges=ranges,
        affected=[version.number for version in affected],
        answered_requests=answered["n"] or 0,
        serves=serves,
        base=base,
        age_seconds=(timezone.now() - watermark).total_seconds() if watermark else None,
        rebuilds=rebuilds,
        samples_to_replay=samples,
        cpu_seconds=cost,
        obstacle=obstacle,
    )


def quarantine(
    recommender: Recommender,
    selection: Selection,
    *,
    reason: str,
    by: Any = None,
    erases: bool = False,
) -> Quarantine:
    """Leave the samples out of all learning from now on, and have no model know of them.

    Updates under way are cancelled; what is live and has learned them gives way to the newest
    version that has not, until it is made again. Challengers learn from the same log: the same is
    done with theirs. Raises QuarantineError, SharesLog, and as ``select`` does.
    """
    ensure_owns_log(recommender)
    if not reason.strip():
        raise QuarantineError("reason", "Say why: the next one to look will want to know.")
    ranges = select(SampleLog(recommender), selection)
    if not ranges:
        raise QuarantineError("selection", "There are no such samples.")
    with transaction.atomic():
        _hold_still(recommender)
        made = Quarantine(
            recommender=recommender,
            # Who is to be forgotten is not written down once more.
            selection={} if erases else selection.to_json(),
            ranges=ranges,
            reason=reason,
            created_by=by,
            erases=erases,
        )
        made._history_user, made._change_reason = by, reason[:100]
        made.save(force_insert=True)
        _take_effect(made, by, f"{made.samples:,} samples quarantined: {reason}")
    return made


def lift(quarantine: Quarantine, *, reason: str, by: Any = None) -> None:
    """Undo: what is live is made again with the samples. Raises QuarantineError, WrongState."""
    if not reason.strip():
        raise QuarantineError("reason", "Say why: the next one to look will want to know.")
    with transaction.atomic():
        _hold_still(quarantine.recommender)
        quarantine.lift(by, reason)
        _take_effect(quarantine, by, f"quarantine {quarantine.pk} lifted: {reason}")


def rebuild_again(quarantine: Quarantine, *, by: Any = None) -> None:
    """Once more, where the rebuild failed or was cancelled. Raises WrongState."""
    if quarantine.state != State.FAILED:
        raise WrongState(f"It is {quarantine.state}: there is nothing to do again.")
    with transaction.atomic():
        _hold_still(quarantine.recommender)
        _take_effect(quarantine, by, f"{quarantine} once more")


def _hold_still(recommender: Recommender) -> None:
    """No run begins before the transaction ends: it would not know."""
    list(recommender.readers.select_for_update())


def _take_effect(changed: Quarantine, by: Any, why: str) -> None:
    for recommender in changed.recommender.readers:
        _take_effect_on(recommender, changed, by, why)


def _take_effect_on(recommender: Recommender, changed: Quarantine, by: Any, why: str) -> None:
    beyond = _learns_online_beyond(recommender, changed.ranges)
    for run in recommender.runs.active():
        # It may have learned them already, or left them out.
        cancel(run, by=by, reason=why)
    abandon_all(recommender, why, by=by)
    left_out = Quarantine.standing_ranges(recommender)
    settle(recommender)
    _rewind(recommender, left_out, why, by, beyond and changed.stands)
    settle(recommender)
    if beyond or _is_outdated(recommender, left_out):
        _start_rebuild(recommender, changed, by, why)


def _learns_online_beyond(recommender: Recommender, ranges: Sequence[Range]) -> bool:
    """Whether online learning may know them though no version does."""
    live = recommender.live_version
    if not (learned_online(recommender) or hasattr(recommender, "checkpoint")):
        return False
    start = live.next_offset if live else 1
    return overlap(ranges, start, SampleLog(recommender).head().last_offset + 1)


def _is_outdated(recommender: Recommender, left_out: Sequence[Range]) -> bool:
    try:
        return bool(plan(recommender, left_out).makings)
    except (NotProvable, CorruptArtifact):
        # The run says so, where it is seen and can be tried again.
        return True


def _serves(recommender: Recommender, left_out: Sequence[Range]) -> ModelVersion | None:
    """What is live meanwhile: the live version, or of those that were live or that a rebuild has
    made the one that has learned most and none of these; the live one too where there is none."""
    live = recommender.live_version
    if live is None or not live.has_learned(left_out):
        return live
    good = Q(deployments__isnull=False) | Q(state=VersionState.CANDIDATE)
    former = recommender.versions.filter(good, pruned_at=None, learner=recommender.learner)
    former = former.exclude(canaries__state=CanaryState.RUNNING)
    clean = (
        version
        for version in former.distinct().order_by("-next_offset", "-number")
        if not version.has_learned(left_out) and can_be_read(version.digest)
    )
    return next(clean, live)


def _rewind(
    recommender: Recommender, left_out: Sequence[Range], why: str, by: Any, beyond: bool
) -> None:
    live, to = recommender.live_version, _serves(recommender, left_out)
    if to is None or (to == live and not beyond):
        return
    deployment = deploy(to, kind=DeploymentKind.REWIND, reason=why, by=by)
    transaction.on_commit(lambda: signals.rolled_back.send(Deployment, deployment=deployment))


def _start_rebuild(recommender: Recommender, changed: Quarantine, by: Any, why: str) -> None:
    run = UpdateRun.objects.create(
        recommender=recommender,
        quarantine=changed,
        strategy=REBUILD,
        components=list(recommender.learner_class.components),
        requested_by=by,
        reason=why,
    )
    transaction.on_commit(lambda: nudge(run))
