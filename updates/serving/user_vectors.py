"""The vector of a user that is in force: what is served knows, and what devices have sent since."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Literal

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
    return _state(devices_of(recommender), served, user)


def device_state_if_any(recommender: Recommender, served: Served, user: str) -> DeviceState | None:
    """The same to recommend by; None for a learner that devices have no part in, and where Valkey
    does not answer at once: what training knows is then better than no recommendations."""
    if not served.weights.learner.device_component:
        return None
    try:
        return _state(devices_of(recommender, impatient()), served, user)
    except LogUnavailable as error:
        logger.warning("%s: recommended by what training knows: %s", recommender.slug, error)
        return None


def _state(devices: Devices, served: Served, user: str) -> DeviceState:
    # Deltas only bring the weights on: from here on there may be less to add, not more.
    return devices.state(user, served.weights.offset_of(served.weights.learner.device_component))


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
