"""A device sends what its user did, and the vector that it came to.

1. Its interactions that are new enter the sample log, each once, and the user's revision moves with
   them, in one step.
2. The vector in force from then on is made of them (``updates.strategies.client``): the device's
   own where nothing else has happened since it began, else what all devices and training have come
   to together.
3. The answer is what the device goes on from.

Where the policy leaves interactions on the device, the vector that it sends is in force, as long as
it is of the present space and went on from the present revision.
"""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np

from updates.flows.append_samples import append_samples
from updates.learners.base import Learner
from updates.learners.device import UserVector
from updates.metrics import losses
from updates.models import Recommender, UpdatePolicy
from updates.models.policy import Sends, Strategy
from updates.samples.batches import to_ms
from updates.samples.devices import INTERACTIONS, Limit, OwnVector, RevisionMoved
from updates.samples.durable import LogUnavailable
from updates.samples.errors import RowError
from updates.samples.interactions import ReadInteractions, read_interactions
from updates.serving import scorer
from updates.serving.served import Served
from updates.serving.user_vectors import InForce, device_state, devices_of, in_force
from updates.strategies.client import (
    ImplausibleVector,
    check_explained,
    check_shape,
    check_steps,
    replay,
)

logger = logging.getLogger(__name__)

# Of devices of one user that send at the same instant, one is first each time.
ATTEMPTS = 10
REST_SECONDS = 0.005


class NoClientPolicy(LookupError):
    """The recommender has no enabled policy for devices."""


class TooMuch(RuntimeError):
    """A user's devices do more than one user may."""

    def __init__(self, limit: Limit, retry_after_seconds: int) -> None:
        super().__init__(
            f"At most {limit.most} {limit.what} of one user are taken in {limit.seconds} seconds."
        )
        self.retry_after_seconds = retry_after_seconds


class Outcome(enum.StrEnum):
    """accepted : the device's vector is in force. merged : the one in force has learned more than
    the device knew of. Else the device has to go on from another one: space_moved : it had learned
    beside other items. revision_moved : another device was faster, and its vector is in force."""

    ACCEPTED = "accepted"
    MERGED = "merged"
    SPACE_MOVED = "space-moved"
    REVISION_MOVED = "revision-moved"


@dataclass(frozen=True)
class Sent:
    """What a device sent: its vector, the space, revision and offset that it began from (offset
    None: as they are now), the interactions behind it or how many there were, and its clock."""

    space_id: str
    revision: int
    offset: int | None
    user: UserVector
    interactions: Sequence[Mapping[str, Any]] = ()
    steps: int = 0
    sent_at: datetime | None = None


@dataclass(frozen=True)
class Present:
    """A user's vector in force, what a device needs to go on from it, and the live version.

    policy : what devices are told; None where they are to send nothing.
    """

    vector: InForce
    learning: dict[str, str | float]
    version: int
    policy: UpdatePolicy | None


@dataclass(frozen=True)
class Settled:
    """accepted, duplicate : numbers of interactions; rejected : never to be sent again. counts : of
    those accepted, and what fresh vectors gained on them in log loss."""

    outcome: Outcome
    present: Present
    accepted: int = 0
    duplicate: int = 0
    rejected: list[RowError] = field(default_factory=list)
    counts: Mapping[str, float] = field(default_factory=dict)


def client_policy(recommender: Recommender) -> UpdatePolicy:
    """The policy that its users' devices follow. Raises NoClientPolicy."""
    if policy := _policy(recommender):
        return policy
    raise NoClientPolicy(f"{recommender.slug} has no policy of strategy client that is on.")


def _policy(recommender: Recommender) -> UpdatePolicy | None:
    return recommender.policies.filter(strategy=Strategy.CLIENT, enabled=True).first()


def user_vector(recommender: Recommender, user: str) -> Present:
    """What is in force. Raises NoLiveVersion, DevicesUnsupported and LogUnavailable."""
    served = scorer.served(recommender)
    state = device_state(recommender, served, user)
    found, _ = served.weights.read(lambda model: in_force(served.weights, model, user, state))
    return _present(served, found, _policy(recommender))


def refresh_user(recommender: Recommender, user: str, sent: Sent, now: datetime) -> Settled:
    """Take what a device sent.

    Raises NoClientPolicy, NoLiveVersion, DevicesUnsupported, ImplausibleVector, TooMuch and
    LogUnavailable; nothing is taken then.
    """
    policy = client_policy(recommender)
    work = _keep_vector if policy.sends == Sends.VECTOR else _take_interactions
    spend(recommender, user, INTERACTIONS, max(len(sent.interactions), sent.steps), now)
    try:
        settled = _until_nobody_is_faster(lambda: work(recommender, policy, user, sent, now))
    except ImplausibleVector as refusal:
        count_refusal(recommender, refusal.kind)
        raise
    count(recommender, {f"outcome:{settled.outcome}": 1, **settled.counts})
    return settled


def spend(recommender: Recommender, user: str, limit: Limit, amount: int, now: datetime) -> None:
    """Count what a user's devices do. Raises TooMuch and LogUnavailable."""
    if wait := devices_of(recommender).spend(user, limit, amount, to_ms(now)):
        count_refusal(recommender, f"too-many-{limit.what}")
        raise TooMuch(limit, wait)


def _until_nobody_is_faster(work: Callable[[], Settled]) -> Settled:
    for attempt in range(ATTEMPTS):
        with suppress(RevisionMoved):
            return work()
        time.sleep(REST_SECONDS * attempt)
    raise LogUnavailable("the devices of one user are too fast; try again")


def count_refusal(recommender: Recommender, kind: str) -> None:
    """Remember that something from a device was refused."""
    count(recommender, {f"refused:{kind}": 1})


def count(recommender: Recommender, amounts: Mapping[str, float]) -> None:
    """Add to what is shown of devices; what was done stays done where that fails."""
    try:
        devices_of(recommender).count(amounts)
    except LogUnavailable as error:
        logger.warning("%s: not counted: %s", recommender.slug, error)


@dataclass(frozen=True)
class _Judged:
    """present : before what was sent. made : after it. counts : of interactions, and what fresh
    vectors gained in log loss."""

    outcome: Outcome
    present: InForce
    made: UserVector
    counts: dict[str, float]


def _take_interactions(
    recommender: Recommender, policy: UpdatePolicy, user: str, sent: Sent, now: datetime
) -> Settled:
    devices, served = devices_of(recommender), scorer.served(recommender)
    read = read_interactions(
        recommender.sample_schema,
        user,
        sent.interactions,
        now=now,
        sent_at=sent.sent_at,
        oldest=timedelta(seconds=policy.offline_seconds),
    )
    state = device_state(recommender, served, user)
    new = read.only(_first_seen(read, devices.known(user, [one.id for one in read.sent])))
    whole = len(new.sent) == len(sent.interactions)

    def judge(learner: Learner) -> _Judged:
        present = in_force(served.weights, learner, user, state)
        return _judge(learner, present, sent, new, whole=whole)

    judged, _ = served.weights.read(judge)
    after = judged.present
    if new.sent:
        beside = devices.taking(user, state.revision, new.sent, to_ms(now))
        append_samples(
            recommender, new.batch, batch_id=f"devices:{uuid4().hex}", arrived_at=now, beside=beside
        )
        learned = [*after.unseen, *(one.interaction for one in new.sent)]
        after = replace(
            after, user=judged.made, unseen=learned, source="client", revision=after.revision + 1
        )
    return Settled(
        judged.outcome,
        _present(served, after, policy),
        accepted=len(new.sent),
        duplicate=len(read.sent) - len(new.sent),
        rejected=read.errors,
        counts=judged.counts,
    )


def _first_seen(read: ReadInteractions, known: Sequence[bool]) -> list[bool]:
    seen: set[str] = set()
    fresh = []
    for one, was in zip(read.sent, known, strict=True):
        fresh.append(not was and one.id not in seen)
        seen.add(one.id)
    return fresh


def _judge(
    learner: Learner, present: InForce, sent: Sent, new: ReadInteractions, *, whole: bool
) -> _Judged:
    """whole : all that the device has learned is new and good, so that it explains its vector."""
    side, interactions = learner.on_device(), [one.interaction for one in new.sent]
    made, refreshed = replay(side, present.user, interactions)
    outcome = _outcome(sent, present)
    if outcome is not Outcome.SPACE_MOVED:
        check_shape(side, sent.user)
    if outcome is Outcome.ACCEPTED and whole:
        check_explained(side, sent.user, made, interactions)
    labels = np.array([one.label for one in interactions], float)
    unrefreshed = side.probabilities(present.known, interactions)
    gained = losses(labels, unrefreshed) - losses(labels, refreshed)
    counts = {
        "interactions": float(len(labels)),
        "positives": float(labels.sum()),
        "gained": float(gained.sum()),
        "gained_squares": float((gained**2).sum()),
    }
    return _Judged(outcome, present, made, counts)


def _outcome(sent: Sent, present: InForce) -> Outcome:
    if sent.space_id != present.space_id:
        return Outcome.SPACE_MOVED
    began_here = sent.revision == present.revision and sent.offset in (None, present.offset)
    return Outcome.ACCEPTED if began_here else Outcome.MERGED


def _keep_vector(
    recommender: Recommender, policy: UpdatePolicy, user: str, sent: Sent, now: datetime
) -> Settled:
    devices, served = devices_of(recommender), scorer.served(recommender)
    state = device_state(recommender, served, user)

    def judge(learner: Learner) -> tuple[Outcome, InForce]:
        side, present = learner.on_device(), in_force(served.weights, learner, user, state)
        if sent.space_id != present.space_id:
            return Outcome.SPACE_MOVED, present
        if sent.revision != present.revision:
            return Outcome.REVISION_MOVED, present
        check_shape(side, sent.user)
        check_steps(side, sent.user, present.user, sent.steps)
        return Outcome.ACCEPTED, present

    (outcome, present), _ = served.weights.read(judge)
    if outcome is Outcome.ACCEPTED:
        own = OwnVector(present.space_id, sent.user)
        devices.keep(user, state.revision, own, to_ms(now))
        present = replace(present, user=sent.user, source="client", revision=present.revision + 1)
    return Settled(outcome, _present(served, present, policy))


def _present(served: Served, vector: InForce, policy: UpdatePolicy | None) -> Present:
    return Present(vector, served.weights.learner.on_device().learning, served.number, policy)
