"""What users' devices have sent: kept in Valkey beside the sample log, under the same hash tag.

Of each user: a revision that grows with everything new, ids of interactions, by which one that is
sent again is known, and the newest interactions with their offsets in the log, from which the
user's vector is made until training has learned them. Interactions enter the log, and all this
changes, in one step on the server or not at all. Imports no Django.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import redis

from updates.learners.device import Interaction, UserVector
from updates.samples.durable import Script, unavailable_as_such
from updates.samples.stream import APPENDING, Beside

DAY_SECONDS = 86_400
# Ids are kept for longer than any policy lets a device stay offline, so that what is too old to be
# known is too old to be taken.
KEEP_SECONDS = 31 * DAY_SECONDS
# Interactions from which a vector is made; training has long learned what came before these.
MOST_KEPT = 200

# Both move a user on from the revision that the caller has read, or refuse.
_MOVE = """
local function moved(state, expected)
  if (redis.call('HGET', state, 'revision') or '0') ~= expected then return false end
  redis.call('HINCRBY', state, 'revision', 1)
  return true
end
"""
# KEYS after those of appending: state, ids, kept, devices. ARGV after those of appending: revision,
# now in ms, keep in seconds, most kept, user, then id, event time in ms and content of each row.
TAKE = Script(
    APPENDING
    + _MOVE
    + """
local state, ids, kept, devices = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local now, keep, most = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
if (redis.call('HGET', state, 'revision') or '0') ~= ARGV[9] then return {'refused'} end
local reply = append()
if reply[1] ~= 'new' then return reply end
moved(state, ARGV[9])
local offset = tonumber(reply[2])
for at = 14, #ARGV, 3 do
  redis.call('ZADD', ids, ARGV[at + 1], ARGV[at])
  redis.call('ZADD', kept, string.format('%.0f', offset), ARGV[at + 2])
  offset = offset + 1
end
redis.call('ZREMRANGEBYSCORE', ids, '-inf', string.format('(%.0f', now - 1000 * keep))
redis.call('ZREMRANGEBYRANK', kept, 0, -most - 1)
redis.call('HDEL', state, 'space', 'vector', 'bias')
for _, key in ipairs({state, ids, kept}) do redis.call('EXPIRE', key, keep) end
redis.call('ZADD', devices, now, ARGV[13])
redis.call('ZREMRANGEBYSCORE', devices, '-inf', string.format('(%.0f', now - 1000 * keep))
return reply
"""
)
# KEYS: state, devices. ARGV: revision, now in ms, keep in seconds, user, space, vector, bias.
KEEP = Script(
    _MOVE
    + """
if not moved(KEYS[1], ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'space', ARGV[5], 'vector', ARGV[6], 'bias', ARGV[7])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[4])
return 1
"""
)


@dataclass(frozen=True)
class Limit:
    """What one user may do at most in each span of so many seconds."""

    what: str
    most: int
    seconds: int


REQUESTS = Limit("requests", 120, 60)
INTERACTIONS = Limit("interactions", 1_000, 3_600)


class RevisionMoved(RuntimeError):
    """Another device of the user was faster; read again."""


@dataclass(frozen=True)
class SentInteraction:
    """An interaction under the id that its device gave it; event time in epoch milliseconds."""

    id: str
    event_time_ms: int
    interaction: Interaction

    @property
    def content(self) -> str:
        """As it is kept; distinct for distinct ids."""
        return json.dumps([self.id, *self.interaction])


@dataclass(frozen=True)
class OwnVector:
    """A vector that a device sent without what is behind it."""

    space_id: str
    user: UserVector


@dataclass(frozen=True)
class DeviceState:
    """What devices have told of one user.

    kept : interactions and their offsets beyond the one asked for, in that order. own : None where
    devices send interactions.
    """

    revision: int
    kept: list[tuple[int, Interaction]]
    own: OwnVector | None


class Devices:
    """The devices of one recommender's users. Arguments as of ``SampleStream``."""

    def __init__(self, client: redis.Redis, key_prefix: str, *, always_synced: bool) -> None:
        self.client = client
        self.key_prefix = key_prefix
        self.always_synced = always_synced
        self.devices_key = f"{key_prefix}:devices"

    def _key(self, kind: str, user: str) -> str:
        return f"{self.key_prefix}:device-{kind}:{user}"

    def state(self, user: str, after: int) -> DeviceState:
        """What is known of a user, with the interactions after that offset. Raises
        LogUnavailable."""
        with unavailable_as_such():
            return self._states([user], after)[0]

    def states(self, users: Sequence[str], after: int) -> dict[str, DeviceState]:
        """The same of those of the users whose devices have ever sent something. Raises
        LogUnavailable."""
        if not users:
            return {}
        with unavailable_as_such():
            sent = self.client.zmscore(self.devices_key, list(users))
            told = [user for user, at in zip(users, sent, strict=True) if at is not None]
            return dict(zip(told, self._states(told, after), strict=True)) if told else {}

    def _states(self, users: Sequence[str], after: int) -> list[DeviceState]:
        with self.client.pipeline(transaction=True) as pipeline:
            for user in users:
                pipeline.hmget(self._key("state", user), "revision", "space", "vector", "bias")
                beyond = f"({after}", "+inf"
                pipeline.zrange(self._key("kept", user), *beyond, byscore=True, withscores=True)
            found = pipeline.execute()
        return [_state(*pair) for pair in zip(found[::2], found[1::2], strict=True)]

    def known(self, user: str, ids: Sequence[str]) -> list[bool]:
        """Which of the ids were taken before. Raises LogUnavailable."""
        if not ids:
            return []
        with unavailable_as_such():
            scores = self.client.zmscore(self._key("ids", user), list(ids))
        return [score is not None for score in scores]

    def taking(
        self, user: str, revision: int, sent: Sequence[SentInteraction], now_ms: int
    ) -> Beside:
        """What to write together with the batch that holds these, row by row, where the user is
        still at that revision; else appending raises RevisionMoved."""
        rows = [part for one in sent for part in (one.id, one.event_time_ms, one.content)]
        return Beside(
            TAKE,
            [*(self._key(kind, user) for kind in ("state", "ids", "kept")), self.devices_key],
            [revision, now_ms, KEEP_SECONDS, MOST_KEPT, user, *rows],
            RevisionMoved(f"{user} is no longer at revision {revision}"),
        )

    def keep(self, user: str, revision: int, own: OwnVector, now_ms: int) -> None:
        """Keep a vector where the user is still at that revision; on disk when this returns.

        Raises RevisionMoved and LogUnavailable.
        """
        vector = own.user.vector.astype("<f4").tobytes()
        about = [own.space_id, vector, repr(own.user.bias)]
        kept = KEEP.run_durably(
            self.client,
            [self._key("state", user), self.devices_key],
            [revision, now_ms, KEEP_SECONDS, user, *about],
            always_synced=self.always_synced,
        )
        if not kept:
            raise RevisionMoved(f"{user} is no longer at revision {revision}")

    def spend(self, user: str, limit: Limit, amount: int, now_ms: int) -> int:
        """Count what a user does against a limit.

        Returns 0, or the seconds after which to come again where it was too much. Raises
        LogUnavailable.
        """
        span, passed = divmod(now_ms // 1000, limit.seconds)
        key = self._key(f"{limit.what}-{span}", user)
        with unavailable_as_such(), self.client.pipeline(transaction=True) as pipeline:
            pipeline.incrby(key, amount)
            pipeline.expire(key, limit.seconds)
            spent, _ = pipeline.execute()
        return limit.seconds - passed if spent > limit.most else 0

    def count(self, amounts: dict[str, float]) -> None:
        """Add to the counts of this recommender. Raises LogUnavailable."""
        with unavailable_as_such(), self.client.pipeline(transaction=False) as pipeline:
            for name, amount in amounts.items():
                pipeline.hincrbyfloat(f"{self.devices_key}:counts", name, amount)
            pipeline.execute()

    def counts(self) -> dict[str, float]:
        """All that was counted since the beginning. Raises LogUnavailable."""
        with unavailable_as_such():
            found: dict[bytes, bytes] = self.client.hgetall(f"{self.devices_key}:counts")
        return {name.decode(): float(amount) for name, amount in found.items()}

    def told(self, since_ms: int, after: int) -> dict[str, set[int]]:
        """By user whose devices have sent something since then, the offsets beyond the one given
        that they brought, in one round trip. Raises LogUnavailable."""
        with unavailable_as_such():
            users = self.client.zrange(self.devices_key, since_ms, "+inf", byscore=True)
            with self.client.pipeline(transaction=False) as pipeline:
                for user in users:
                    key = self._key("kept", user.decode())
                    pipeline.zrange(key, f"({after}", "+inf", byscore=True, withscores=True)
                kept = pipeline.execute()
        return {
            user.decode(): {int(offset) for _, offset in rows}
            for user, rows in zip(users, kept, strict=True)
        }


def _state(known: list[bytes | None], kept: list[tuple[bytes, float]]) -> DeviceState:
    revision, *own = known
    told = [(int(score), Interaction(*json.loads(content)[1:])) for content, score in kept]
    return DeviceState(int(revision or 0), told, _own(*own))


def _own(space: bytes | None, vector: bytes | None, bias: bytes | None) -> OwnVector | None:
    if space is None or vector is None or bias is None:
        return None
    return OwnVector(space.decode(), UserVector(np.frombuffer(vector, "<f4"), float(bias)))
