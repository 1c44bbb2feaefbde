"""How one web worker finds another: by the registry, in which each has its internal address."""

from __future__ import annotations

import time
from typing import Final

import structlog

from tertulia.errors import Unavailable
from tertulia.ids import HubId
from tertulia.state.registry import Registry, Worker

FRESH_SECONDS: Final = 1.0
"""How long a reading of the registry is good for; a worker that is not in it is looked up again each time."""
FORWARDED: Final = "x-tertulia-forwarded"
"""Marks a request that another worker passed on: it is answered here or not at all, so that none goes in circles."""

_log = structlog.get_logger(__name__)


class OtherWorkers:
    """Finds the internal addresses of the web workers."""

    def __init__(self, registry: Registry[Worker]) -> None:
        self._registry = registry
        self._urls: dict[HubId, str] = {}
        self._read_at = -FRESH_SECONDS

    async def url(self, worker: HubId) -> str | None:
        """The internal URL of a worker; None: there is no such worker (any more), or the registry cannot be read."""
        if worker not in self._urls or time.monotonic() - self._read_at > FRESH_SECONDS:
            try:
                self._urls = {entry.id: entry.internal_url for entry in await self._registry.alive()}
            except Unavailable as error:
                _log.warning("the registry of web workers cannot be read", error=error.message)
                return None
            self._read_at = time.monotonic()
        return self._urls.get(worker)
