"""Audit entries on their way to SQL. Whoever notes one does not wait: meetings go on while SQL is away."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

import structlog

from tertulia.db.models import AuditEntry
from tertulia.errors import Unavailable
from tertulia.outage import Outage

MOST: Final = 10_000
"""Entries that wait at most, about 5 MB. What is beyond is in the log only."""
BATCH: Final = 100
RETRY_SECONDS: Final = 2.0
STOP_SECONDS: Final = 3.0
"""How long the last entries may take when the web worker stops."""

_log: Final = structlog.get_logger(__name__)


class Writer(Protocol):
    """Where entries go."""

    async def write(self, entries: list[AuditEntry]) -> None:
        """Add entries. May be repeated. Raises Unavailable."""


class AuditQueue:
    """Of a web worker. Each entry is logged at once, then written in order."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: deque[AuditEntry] = deque()
        self._news = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._task: asyncio.Task[None] | None = None
        self._outage = Outage("audit entries wait for the database", "audit entries are written again")

    def note(self, entry: AuditEntry) -> None:
        """Log it, and write it soon."""
        _log.info(
            "audit",
            id=entry.id,
            action=entry.action,
            by=entry.actor,
            address=entry.address,
            request=entry.request_id,
            tenant=entry.tenant_id,
            room=entry.room_id,
            target=entry.target,
            details=entry.details,
        )
        if len(self._waiting) >= MOST:
            _log.error("an audit entry is in the log only, as the database has been away for too long", id=entry.id)
            return
        self._waiting.append(entry)
        self._is_empty.clear()
        self._news.set()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="audit")

    async def stop(self) -> None:
        """Write what waits, if that can be done in time."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._is_empty.wait()
        except TimeoutError:
            _log.error("audit entries are in the log only, as the database is away", count=len(self._waiting))
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                some = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
                if await self._write(some):
                    for _ in some:
                        self._waiting.popleft()
                else:
                    await asyncio.sleep(RETRY_SECONDS)
            self._is_empty.set()

    async def _write(self, some: list[AuditEntry]) -> bool:
        """Whether they need not be written again."""
        try:
            await self._writer.write(some)
        except Unavailable as e:
            self._outage.failed(e)
            return False
        except Exception:  # noqa: BLE001 — one that SQL does not take must not stop those behind it
            if len(some) > 1:
                return all([await self._write([entry]) for entry in some])
            _log.exception("an audit entry is in the log only, as the database does not take it", id=some[0].id)
        else:
            self._outage.worked()
        return True
