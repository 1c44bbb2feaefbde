"""How one web worker finds another: by the registry, in which each has its internal address."""

from __future__ import annotations

import structlog

from tertulia.errors import Unavailable
from tertulia.ids import HubId
from tertulia.sockets.signalr.mark import Marks
from tertulia.state.registry import Registry, RegistryCache, Worker

_log = structlog.get_logger(__name__)


class OtherWorkers:
    """Finds the internal addresses of the web workers; ``marks`` is what they know each other by."""

    def __init__(self, registry: Registry[Worker], marks: Marks) -> None:
        self._registry = RegistryCache(registry)
        self.marks = marks

    async def url(self, worker: HubId) -> str | None:
        """The internal URL of a worker; None: there is no such worker (any more), or the registry cannot be read."""
        try:
            entry = await self._registry.find(worker)
        except Unavailable as error:
            _log.warning("the registry of web workers cannot be read", error=error.message)
            return None
        return entry.internal_url if entry is not None else None
