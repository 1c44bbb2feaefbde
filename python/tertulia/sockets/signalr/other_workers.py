"""How one web worker finds another: by the registry, in which each has its internal address.

What is passed on holds credentials. So an entry has a seal, by a key that only web workers know: one that somebody else
has written to Redis is not believed.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

import structlog

from tertulia.errors import Unavailable
from tertulia.ids import HubId
from tertulia.outage import Outage
from tertulia.sockets.signalr.mark import Marks
from tertulia.state.registry import Registry, RegistryCache, Worker

PURPOSE: Final = b"web worker entry"
"""What the keys of seals are derived for."""

_log = structlog.get_logger(__name__)


def sealed(worker: HubId, internal_url: str, keys: list[bytes]) -> Worker:
    """A worker's entry. ``keys`` are derived for :data:`PURPOSE`, the oldest first: every worker knows that."""
    return Worker(id=worker, internal_url=internal_url, seal=_seal(worker, internal_url, keys[0]))


class OtherWorkers:
    """Finds the internal addresses of the web workers; ``marks`` is what they know each other by."""

    def __init__(self, registry: Registry[Worker], marks: Marks, keys: Callable[[], list[bytes]]) -> None:
        """``keys`` are those of :func:`sealed`."""
        self._registry = RegistryCache(registry)
        self.marks = marks
        self._keys = keys
        self._outage = Outage("the registry of web workers cannot be read", "the registry of web workers is read again")

    async def url(self, worker: HubId) -> str | None:
        """The internal URL of a worker; None: there is no such worker (any more), or the registry cannot be read or
        believed."""
        try:
            entry = await self._registry.find(worker)
        except Unavailable as error:
            self._outage.failed(error)
            return None
        self._outage.worked()
        if entry is None:
            return None
        seals = [_seal(entry.id, entry.internal_url, key) for key in self._keys()]
        if entry.id != worker or not any(hmac.compare_digest(entry.seal.encode(), seal.encode()) for seal in seals):
            _log.error("an entry of the registry of web workers is not by a web worker", hub=worker)
            return None
        return entry.internal_url


def _seal(worker: HubId, internal_url: str, key: bytes) -> str:
    return hmac.digest(key, f"{worker}\n{internal_url}".encode(), "sha256").hex()
