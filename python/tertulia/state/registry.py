"""Who is alive: the SFU nodes and the web workers, each with a heartbeat in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from tertulia.ids import HubId
from tertulia.redis.client import Redis
from tertulia.room.placement import Node
from tertulia.state import keys, scripts

BEAT_SECONDS: Final = 0.3
"""How often to call :meth:`Registry.beat`."""
DEAD_AFTER_MS: Final = 4_000
"""Who has been silent for so long is no more listed as alive. (Hubs leave an SFU node sooner:
:mod:`tertulia.room.nodes`.)"""
FRESH_SECONDS: Final = 1.0
"""How long a reading of a registry is good for, where nothing depends on the moment."""


class Worker(Struct, frozen=True, kw_only=True, rename="camel"):
    """A web worker."""

    id: HubId
    internal_url: str
    """Where other workers reach it."""
    seal: str = ""
    """Proves the two above: whoever can write to Redis is not sent the credentials that workers pass on
    (:mod:`tertulia.sockets.signalr.other_workers`)."""


Entry = TypeVar("Entry", Node, Worker)


class Heard(NamedTuple, Generic[Entry]):
    """An entry, and when its owner was last heard of."""

    entry: Entry
    age: float
    """Seconds since its last heartbeat, on the clock of Redis."""


class Registry(Generic[Entry]):
    """One of the two registries, made by :func:`sfu_nodes` or :func:`web_workers`."""

    def __init__(self, redis: Redis, names: keys.RegistryKeys, kind: type[Entry]) -> None:
        self._redis = redis
        self._keys = names
        self._decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(kind)

    async def beat(self, *entries: Entry) -> bool:
        """Register all of one process, or stay registered with new figures; True: not all were registered. Whoever is
        dead is forgotten.

        Raises:
            Unavailable: Redis does not answer, as for all methods.
        """
        given = tuple(part for entry in entries for part in (entry.id, msgspec.json.encode(entry)))
        beat = scripts.BEAT.values(scripts.Beat(DEAD_AFTER_MS, given))
        return bool(await self._redis.run(scripts.BEAT, self._keys, beat))

    async def leave(self, entry_id: str) -> None:
        """Deregister. May be called twice."""
        await self._redis.run(scripts.DEREGISTER, self._keys, scripts.Deregister(entry_id))

    async def heard(self) -> list[Heard[Entry]]:
        """Everyone with a heartbeat younger than :data:`DEAD_AFTER_MS`, ordered by id: one round trip.

        An entry that cannot be read (of another version) is left out.
        """
        reply = await self._redis.run(scripts.ALIVE, self._keys, scripts.Alive(dead_after=DEAD_AFTER_MS))
        found = []
        for text, age in zip(reply[::2], reply[1::2], strict=True):
            try:
                found.append(Heard(self._decoder.decode(text), age / 1000))
            except msgspec.MsgspecError:
                continue
        return sorted(found, key=lambda heard: heard.entry.id)

    async def alive(self) -> list[Entry]:
        """As :meth:`heard`, without the ages."""
        return [heard.entry for heard in await self.heard()]


def sfu_nodes(redis: Redis) -> Registry[Node]:
    """The registry of SFU nodes."""
    return Registry(redis, keys.SFU_NODES, Node)


def web_workers(redis: Redis) -> Registry[Worker]:
    """The registry of web workers."""
    return Registry(redis, keys.WEB_WORKERS, Worker)


class RegistryCache(Generic[Entry]):
    """A registry as last read, so that not every request costs a round trip."""

    def __init__(self, registry: Registry[Entry], clock: Callable[[], float] = time.monotonic) -> None:
        self._registry: Registry[Entry] = registry
        self._clock = clock
        self._read_at = float("-inf")
        self.entries: Mapping[str, Entry] = {}
        """Id → entry, ordered by id, however old the reading is."""

    async def refresh(self) -> None:
        """Read the registry now; what was read before stays where that fails.

        Raises:
            Unavailable: Redis does not answer, as for all methods.
        """
        self.entries = {entry.id: entry for entry in await self._registry.alive()}
        self._read_at = self._clock()

    async def fresh(self) -> Mapping[str, Entry]:
        """The entries, of a reading that is at most :data:`FRESH_SECONDS` old."""
        if self._clock() - self._read_at > FRESH_SECONDS:
            await self.refresh()
        return self.entries

    async def find(self, entry_id: str) -> Entry | None:
        """One entry. An id that is not there is looked for again: it may be new. None: it is not registered."""
        if entry_id not in await self.fresh():
            await self.refresh()
        return self.entries.get(entry_id)
