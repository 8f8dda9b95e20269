"""What a flow refuses, told to the person who asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from updates.artifacts import CorruptArtifact
from updates.flows.adopt import AdoptError, NotAdoptable
from updates.flows.canary import CannotTry, ReasonMissing, StillWriting
from updates.flows.online.freezing import ThawError
from updates.flows.own_log import SharesLog
from updates.flows.quarantine import QuarantineError
from updates.flows.relearn import NotProvable
from updates.flows.roll_back import RollBackError
from updates.flows.select_samples import SelectionError
from updates.flows.trigger import TriggerError, WriterBusy
from updates.models.canary import OnTrial
from updates.models.freeze import NotFrozen
from updates.models.proof import ProofUnderWay
from updates.models.quarantine import WrongState
from updates.models.run import IllegalRunMove
from updates.models.version import IllegalVersionMove
from updates.samples.durable import LogUnavailable
from updates.words import sentence

REFUSALS = (
    AdoptError,
    NotAdoptable,
    SharesLog,
    TriggerError,
    RollBackError,
    QuarantineError,
    SelectionError,
    WrongState,
    NotFrozen,
    ThawError,
    CannotTry,
    ReasonMissing,
    StillWriting,
    OnTrial,
    CorruptArtifact,
    IllegalRunMove,
    IllegalVersionMove,
    LogUnavailable,
)
PROOF_REFUSALS = (ProofUnderWay, NotProvable, CorruptArtifact, LogUnavailable)


@contextmanager
def told(request: HttpRequest) -> Iterator[None]:
    """Within it a flow's refusal becomes a message on the next page; nothing was changed."""
    try:
        yield
    except WriterBusy as busy:
        link = format_html(
            '{} <a href="{}">See run {}</a>.', busy, reverse("run", args=[busy.run.pk]), busy.run.pk
        )
        messages.error(request, link)
    except REFUSALS as refusal:
        messages.error(request, sentence(str(refusal)))


def form_errors(request: HttpRequest, errors: dict[str, list[str]]) -> None:
    """The errors of a form whose page is not shown again, as messages that name the field."""
    for field, problems in errors.items():
        messages.error(request, f"{field.replace('_', ' ').capitalize()}: {' '.join(problems)}")
