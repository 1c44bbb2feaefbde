"""Who is alive: the SFU nodes and the web workers, each with a heartbeat in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from tertulia.ids import HubId
from tertulia.redis.client import Redis
from tertulia.room.placement import Node
from tertulia.state import keys, scripts

BEAT_SECONDS: Final = 1.0
"""How often to call :meth:`Registry.beat`."""
DEAD_AFTER_MS: Final = 4_000
"""Four heartbeats missed."""


class Worker(Struct, frozen=True, kw_only=True, rename="camel"):
    """A web worker."""

    id: HubId
    internal_url: str
    """Where other workers reach it."""


Entry = TypeVar("Entry", Node, Worker)


class Registry(Generic[Entry]):
    """One of the two registries; make it by :func:`sfu_nodes` or :func:`web_workers`."""

    def __init__(self, redis: Redis, entries: str, beats: str, kind: type[Entry]) -> None:
        self._redis = redis
        self._keys = (entries, beats)
        self._decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(kind)

    async def beat(self, entry: Entry) -> None:
        """Register, or say that it is still alive, with its present figures; forgets the dead."""
        await self._redis.run(scripts.BEAT, self._keys, (entry.id, msgspec.json.encode(entry), str(DEAD_AFTER_MS)))

    async def leave(self, entry_id: str) -> None:
        """Deregister; may be called twice."""
        await self._redis.run(scripts.DEREGISTER, self._keys, (entry_id,))

    async def alive(self) -> Sequence[Entry]:
        """Who has a heartbeat younger than :data:`DEAD_AFTER_MS`, ordered by id. One round trip: callers keep it for a
        second or two.

        An entry that cannot be read (of another version) is left out.
        """
        reply = await self._redis.run(scripts.ALIVE, self._keys, (str(DEAD_AFTER_MS),))
        found = []
        for text in reply:
            try:
                found.append(self._decoder.decode(text))
            except msgspec.MsgspecError:
                continue
        return sorted(found, key=lambda e: e.id)


def sfu_nodes(redis: Redis) -> Registry[Node]:
    return Registry(redis, keys.SFU_NODES, keys.SFU_BEATS, Node)


def web_workers(redis: Redis) -> Registry[Worker]:
    return Registry(redis, keys.HUB_WORKERS, keys.HUB_BEATS, Worker)
