"""What the flows refuse, as problems."""

from dataclasses import asdict

from django.urls import reverse

from updates.api.problems import Problem, describe
from updates.artifacts import ChecksumMismatch, CorruptArtifact
from updates.cadence import CadenceError
from updates.flows.acknowledge import AcknowledgeError
from updates.flows.adopt import AdoptError, NotAdoptable
from updates.flows.canary import CannotTry, ReasonMissing, StillWriting
from updates.flows.delete_recommender import StillChallenged, StillUpdating
from updates.flows.explain import NotExplainable
from updates.flows.external.begin import NotToBeClaimed, NoWork
from updates.flows.external.publish import ReportError
from updates.flows.external.reports import AttemptOver
from updates.flows.external.upload import TooLarge
from updates.flows.follow_predictions import FollowsPredictions
from updates.flows.online.freezing import ThawError
from updates.flows.own_log import SharesLog
from updates.flows.quarantine import QuarantineError
from updates.flows.relearn import NotProvable
from updates.flows.report_version import TrainedHere, VersionConflict
from updates.flows.roll_back import RollBackError
from updates.flows.select_samples import SelectionError
from updates.flows.trigger import TriggerError, WriterBusy
from updates.flows.what_if import NotReplayable, WhatIfError
from updates.learners.base import RecommendUnsupported, TrainedElsewhere
from updates.models.canary import OnTrial
from updates.models.freeze import NotFrozen
from updates.models.proof import ProofUnderWay
from updates.models.quarantine import WrongState
from updates.models.run import IllegalRunMove
from updates.models.version import IllegalVersionMove
from updates.models.what_if import WhatIfIsOver, WhatIfUnderWay
from updates.samples.errors import ParseError
from updates.samples.joiner import JoinerFull, RequestConflict
from updates.samples.stream import BatchConflict, LogUnavailable
from updates.serving.scorer import NoLiveVersion

RETRY_AFTER_SECONDS = 2


@describe.register(AdoptError)
@describe.register(TriggerError)
@describe.register(RollBackError)
@describe.register(WhatIfError)
@describe.register(QuarantineError)
@describe.register(SelectionError)
@describe.register(AcknowledgeError)
@describe.register(ThawError)
@describe.register(ReasonMissing)
@describe.register(ReportError)
def _field_at_fault(
    error: AcknowledgeError
    | AdoptError
    | TriggerError
    | RollBackError
    | WhatIfError
    | QuarantineError
    | SelectionError
    | ThawError
    | ReasonMissing
    | ReportError,
) -> Problem:
    return Problem(400, str(error), errors=[{"field": error.field, "error": str(error)}])


@describe.register
def _cadence(error: CadenceError) -> Problem:
    name = f"cadence.{error.field}"
    return Problem(400, str(error), errors=[{"field": name, "error": str(error)}])


@describe.register
def _busy(error: WriterBusy) -> Problem:
    run = reverse("api:update", args=[error.run.pk])
    return Problem(409, str(error), "writer-busy", more={"run": run})


@describe.register
def _still_updating(error: StillUpdating) -> Problem:
    run = reverse("api:update", args=[error.run.pk])
    return Problem(409, str(error), "in-use", more={"run": run})


@describe.register
def _still_challenged(error: StillChallenged) -> Problem:
    return Problem(409, str(error), "in-use")


@describe.register(IllegalRunMove)
@describe.register(IllegalVersionMove)
@describe.register(WrongState)
@describe.register(CannotTry)
@describe.register(StillWriting)
@describe.register(NotAdoptable)
@describe.register(NotFrozen)
def _wrong_state(
    error: IllegalRunMove
    | IllegalVersionMove
    | WrongState
    | NotAdoptable
    | NotFrozen
    | CannotTry
    | StillWriting,
) -> Problem:
    return Problem(409, str(error), "wrong-state")


@describe.register
def _on_trial(error: OnTrial) -> Problem:
    return Problem(409, str(error), "on-trial")


@describe.register
def _corrupt(error: CorruptArtifact) -> Problem:
    return Problem(409, f"{error}.", "corrupt-artifact")


@describe.register
def _proof_under_way(error: ProofUnderWay) -> Problem:
    return Problem(409, str(error), "proof-under-way")


@describe.register
def _what_if_under_way(error: WhatIfUnderWay) -> Problem:
    return Problem(409, str(error), "what-if-under-way")


@describe.register
def _what_if_is_over(error: WhatIfIsOver) -> Problem:
    return Problem(409, str(error), "wrong-state")


@describe.register
def _not_replayable(error: NotReplayable) -> Problem:
    return Problem(409, str(error), "not-replayable")


@describe.register
def _not_provable(error: NotProvable) -> Problem:
    return Problem(409, str(error), "not-provable")


@describe.register
def _not_explainable(error: NotExplainable) -> Problem:
    return Problem(409, str(error), "not-explainable")


@describe.register
def _nothing_live(error: NoLiveVersion) -> Problem:
    return Problem(409, str(error), "no-live-version")


@describe.register
def _trained_elsewhere(error: TrainedElsewhere) -> Problem:
    return Problem(409, str(error), "trained-elsewhere")


@describe.register
def _not_to_be_claimed(error: NotToBeClaimed) -> Problem:
    return Problem(409, str(error), "not-pulled")


@describe.register
def _nothing_to_learn(error: NoWork) -> Problem:
    return Problem(409, str(error), "nothing-to-learn")


@describe.register
def _trained_here(error: TrainedHere) -> Problem:
    return Problem(409, str(error), "trained-here")


@describe.register
def _version_conflict(error: VersionConflict) -> Problem:
    errors = [{"field": "name", "error": str(error)}]
    return Problem(409, str(error), "version-conflict", errors=errors)


@describe.register
def _follows_predictions(error: FollowsPredictions) -> Problem:
    return Problem(409, str(error), "follows-predictions")


@describe.register
def _attempt_over(error: AttemptOver) -> Problem:
    return Problem(409, str(error), "attempt-over")


@describe.register
def _checksum_mismatch(error: ChecksumMismatch) -> Problem:
    errors = [{"field": "Content-SHA256", "error": f"{error}."}]
    return Problem(422, f"Nothing was kept: {error}.", "checksum-mismatch", errors=errors)


@describe.register
def _too_large(error: TooLarge) -> Problem:
    return Problem(413, str(error))


@describe.register
def _has_no_items(error: RecommendUnsupported) -> Problem:
    return Problem(409, f"{error}.", "recommends-nothing")


@describe.register
def _unreadable(error: ParseError) -> Problem:
    rows = [asdict(row) for row in error.errors]
    return Problem(400, str(error), errors=rows or [{"field": "", "error": str(error)}])


@describe.register(BatchConflict)
@describe.register(RequestConflict)
def _batch_conflict(error: BatchConflict | RequestConflict) -> Problem:
    errors = [{"field": "Batch-Id", "error": str(error)}]
    return Problem(409, str(error), "batch-conflict", errors=errors)


@describe.register
def _log_unavailable(error: LogUnavailable) -> Problem:
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, "Nothing was stored; send it again.", "log-unavailable", headers=retry)


@describe.register
def _shares_log(error: SharesLog) -> Problem:
    champion = reverse("api:recommender", args=[error.champion.slug])
    return Problem(409, str(error), "shares-log", more={"champion": champion})


@describe.register
def _joiner_full(error: JoinerFull) -> Problem:
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, f"Nothing was stored: {error}.", "joiner-full", headers=retry)
