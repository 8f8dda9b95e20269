"""The vector of a user that is in force: what is served knows, and what devices have sent since."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import redis
from django.conf import settings

from recadmin.valkey import connection, impatient
from updates.learners.base import Learner
from updates.learners.device import Interaction, UserVector
from updates.models import Recommender
from updates.samples.devices import Devices, DeviceState
from updates.samples.durable import LogUnavailable
from updates.serving.served import Served
from updates.serving.weights import Weights

logger = logging.getLogger(__name__)

Source = Literal["client", "server"]


@dataclass(frozen=True)
class InForce:
    """A user's vector and what it is made of.

    known : what training knows of the user, up to ``offset``. unseen : interactions beyond that, in
    their order. source : "client" where devices have made the vector another than training's.
    """

    user: UserVector
    known: UserVector
    unseen: list[Interaction]
    source: Source
    space_id: str
    offset: int
    revision: int

    @property
    def items(self) -> list[str]:
        """What the user has met that training has not learned."""
        return [interaction.item for interaction in self.unseen]


def devices_of(recommender: Recommender, client: redis.Redis | None = None) -> Devices:
    """What the devices of a recommender's users have sent."""
    return Devices(
        client or connection(), recommender.stream_key, always_synced=settings.EMBEDDED_VALKEY
    )


def device_state(recommender: Recommender, served: Served, user: str) -> DeviceState:
    """What devices have told that these weights may not have learned. Raises LogUnavailable."""
    return devices_of(recommender).state(user, _learned(served))


def device_states(
    recommender: Recommender, served: Served, users: Sequence[str]
) -> dict[str, DeviceState]:
    """The same to predict by, of those users that have any. None for a learner that devices have no
    part in, and where Valkey does not answer at once: what training knows is then better than no
    answer."""
    if not served.weights.learner.device_component:
        return {}
    try:
        return devices_of(recommender, impatient()).states(users, _learned(served))
    except LogUnavailable as error:
        logger.warning("%s: predicted by what training knows: %s", recommender.slug, error)
        return {}


def _learned(served: Served) -> int:
    # Deltas only bring the weights on: from here on there may be less to add, not more.
    return served.weights.offset_of(served.weights.learner.device_component)


def in_force(weights: Weights, learner: Learner, user: str, state: DeviceState) -> InForce:
    """To be asked in a ``read`` of the weights. Raises DevicesUnsupported."""
    side = learner.on_device()
    known, offset = side.user(user), weights.offset_of(learner.device_component)
    found = InForce(known, known, [], "server", side.space_id, offset, state.revision)
    own = state.own
    if own is not None and own.space_id == side.space_id:
        return replace(found, user=own.user, source="client")
    unseen = [interaction for at, interaction in state.kept if at > offset]
    if not unseen:
        return found
    after = side.steps(known, unseen)[-1]
    return replace(found, user=after, unseen=unseen, source="client")


def users_in(learner: Learner, batch: pa.RecordBatch) -> list[str]:
    """The users of some rows, each once; none for a learner that devices have no part in."""
    return users_of(learner, batch) if learner.device_component else []


def users_of(learner: Learner, batch: pa.RecordBatch) -> list[str]:
    """The users of some rows, each once; none where the schema names no user."""
    if learner.schema.user is None:
        return []
    found: list[str] = batch.column(learner.schema.user).drop_null().unique().to_pylist()
    return found


def predict(
    weights: Weights, learner: Learner, batch: pa.RecordBatch, states: Mapping[str, DeviceState]
) -> np.ndarray:
    """(n,) predictions by the vectors in force. To be asked in a ``read`` of the weights."""
    scores = learner.predict(batch)
    for user, state in states.items():
        found = in_force(weights, learner, user, state)
        if found.source == "client":
            rows = np.flatnonzero(pc.equal(batch.column(str(learner.schema.user)), user))
            items = batch.column(str(learner.schema.item)).take(pa.array(rows)).fill_null("")
            asked = [Interaction(item, 0.0) for item in items.to_pylist()]
            scores[rows] = learner.on_device().probabilities(found.user, asked)
    return scores
