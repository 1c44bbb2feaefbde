"""What the hub does by the clock: the nodes, the sweeps, the reaper, the figures."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from tertulia.contract.settings import Settings
from tertulia.db.directory import Directory
from tertulia.db.models import Session
from tertulia.db.recordings import Recordings
from tertulia.hub import metrics
from tertulia.hub.meetings import Meetings
from tertulia.hub.steps import Steps
from tertulia.hub.tasks import Tasks, for_each
from tertulia.ids import RecordingId, RoomId, SessionId
from tertulia.outage import Outage, repeat
from tertulia.room.inputs import NodesSeen, QuotasRead, Reap, Sweep
from tertulia.room.placement import Node
from tertulia.room.surroundings import Surroundings
from tertulia.state.registry import Registry

NODES_EVERY: Final = 1.0
"""Seconds between two readings of the registry of nodes while nobody meets."""
NODES_EVERY_MEETING: Final = 0.25
"""The same while somebody does: more often than nodes beat, since a dead one is found by that."""
NODES_EVERY_MISSED: Final = 0.1
"""The same while clients miss the media of a node."""
QUOTAS_EVERY: Final = 3.0
"""Seconds: how long a changed quota takes to reach running meetings."""
RECORDS_EVERY: Final = 3.0
"""Seconds after which a record that Redis did not take is written again, and one with changed quotas."""
FIGURES_EVERY: Final = 1.0
"""Seconds: several times as often as anyone reads them."""
REAPED_AT_ONCE: Final = 20
"""Sessions: SQL may have to close each of them."""


class Clock:
    """Six loops; each goes on after Redis or SQL was away."""

    def __init__(
        self,
        surroundings: Surroundings,
        meetings: Meetings,
        steps: Steps,
        registry: Registry[Node],
        directory: Directory,
        recordings: Recordings,
    ) -> None:
        self._surroundings = surroundings
        self._meetings = meetings
        self._steps = steps
        self._registry = registry
        self._directory = directory
        self._recordings = recordings

    async def read_nodes(self) -> None:
        """Read the registry of nodes. Raises Unavailable."""
        heard = await self._registry.heard()
        ages = {one.entry.id: one.age for one in heard}
        self._surroundings.nodes.refresh([one.entry for one in heard], time.monotonic(), ages)

    def start(self, tasks: Tasks) -> None:
        """Begin; the loops end when ``tasks`` stops."""
        settings = self._surroundings.settings
        tasks.spawn(_repeat(self._until_nodes, self._look_at_nodes))
        tasks.spawn(_repeat(lambda: settings.seat / 6, self._sweep))
        tasks.spawn(_repeat(lambda: settings.reap, self._reap))
        tasks.spawn(_repeat(lambda: QUOTAS_EVERY, self._read_quotas))
        tasks.spawn(_repeat(lambda: RECORDS_EVERY, self._steps.keep_records))
        tasks.spawn(_repeat(lambda: FIGURES_EVERY, _settle_figures))

    def _until_nodes(self) -> float:
        if not self._meetings:
            return NODES_EVERY
        is_watched = self._surroundings.nodes.is_watched(time.monotonic())
        return NODES_EVERY_MISSED if is_watched else NODES_EVERY_MEETING

    async def _look_at_nodes(self) -> None:
        await self.read_nodes()
        self._meetings.tell_all(NodesSeen())

    async def _sweep(self) -> None:
        self._meetings.tell_all(Sweep())
        await self._steps.count_seats(self._meetings.seated())

    async def _read_quotas(self) -> None:
        for room, tenant, quotas in await self._steps.quotas(self._meetings.rooms):
            self._meetings.tell_one(room, QuotasRead(tenant, quotas))

    async def _reap(self) -> None:
        sessions = await self._directory.open_sessions()
        recordings = await self._recordings.all_running()
        settings = await self._directory.open_settings()
        self._surroundings.stateless.keep({session.id for session in sessions})
        await for_each(sessions, partial(self._reap_one, recordings, settings), REAPED_AT_ONCE)

    async def _reap_one(
        self, recordings: dict[SessionId, RecordingId], settings: dict[RoomId, Settings], session: Session
    ) -> None:
        recording, known = recordings.get(session.id), settings.get(session.room_id)
        if known is not None:  # else the room has been deleted meanwhile, and its sessions with it
            await self._meetings.ask(session.room_id, lambda request: Reap(request, session.id, recording, known))


async def _settle_figures() -> None:
    metrics.settle()


async def _repeat(pause: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
    """``work`` again and again, with a pause of so many seconds (a little uneven, so that workers do not march in step)
    in between."""
    outage = Outage(work=getattr(work, "__qualname__", ""))
    await repeat(work, lambda: pause() * random.uniform(0.9, 1.1), outage)  # noqa: S311 - no secret
