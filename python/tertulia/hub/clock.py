"""What the hub does by the clock: the nodes, the sweeps, the reaper, the figures."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from tertulia.db.directory import Directory
from tertulia.db.models import Session
from tertulia.db.recordings import Recordings
from tertulia.errors import TertuliaError
from tertulia.hub import metrics
from tertulia.hub.meetings import Meetings
from tertulia.hub.tasks import Tasks, for_each
from tertulia.ids import RecordingId, SessionId
from tertulia.room.inputs import NodesSeen, Reap, Sweep
from tertulia.room.placement import Node
from tertulia.room.surroundings import Surroundings
from tertulia.state.registry import Registry

NODES_EVERY: Final = 1.0
"""Seconds: as often as nodes beat."""
FIGURES_EVERY: Final = 1.0
"""Seconds: several times as often as anyone reads them."""
REAPED_AT_ONCE: Final = 20
"""Sessions: SQL may have to close each of them."""

_log = structlog.get_logger(__name__)


class Clock:
    """Four loops; each goes on after Redis or SQL was away."""

    def __init__(
        self,
        surroundings: Surroundings,
        meetings: Meetings,
        registry: Registry[Node],
        directory: Directory,
        recordings: Recordings,
    ) -> None:
        self._surroundings = surroundings
        self._meetings = meetings
        self._registry = registry
        self._directory = directory
        self._recordings = recordings

    async def read_nodes(self) -> None:
        """Read the registry of nodes. Raises Unavailable."""
        self._surroundings.nodes.refresh(await self._registry.alive(), time.monotonic())

    def start(self, tasks: Tasks) -> None:
        """Begin; the loops end when ``tasks`` stops."""
        settings = self._surroundings.settings
        tasks.spawn(_repeat(NODES_EVERY, self._look_at_nodes))
        tasks.spawn(_repeat(settings.seat / 6, self._sweep))
        tasks.spawn(_repeat(settings.reap, self._reap))
        tasks.spawn(_repeat(FIGURES_EVERY, _settle_figures))

    async def _look_at_nodes(self) -> None:
        await self.read_nodes()
        self._meetings.tell_all(NodesSeen())

    async def _sweep(self) -> None:
        self._meetings.tell_all(Sweep())

    async def _reap(self) -> None:
        sessions = await self._directory.open_sessions()
        recordings = await self._recordings.all_running()
        self._surroundings.stateless.keep({session.id for session in sessions})
        await for_each(sessions, partial(self._reap_one, recordings), REAPED_AT_ONCE)

    async def _reap_one(self, recordings: dict[SessionId, RecordingId], session: Session) -> None:
        recording = recordings.get(session.id)
        await self._meetings.ask(session.room_id, lambda request: Reap(request, session.id, recording))


async def _settle_figures() -> None:
    metrics.settle()


async def _repeat(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """``work`` again and again, with a pause (a little uneven, so that workers do not march in step) in between."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
        try:
            await work()
        except TertuliaError as e:
            _log.warning("will be tried again", work=getattr(work, "__qualname__", ""), error=e.message)
        except Exception:  # noqa: BLE001 - a loop that ends would never be missed
            _log.exception("a fault of ours; goes on all the same", work=getattr(work, "__qualname__", ""))
