"""What the hub does by the clock: the nodes, the sweeps, the reaper, the figures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from tertulia.errors import TertuliaError
from tertulia.hub import metrics
from tertulia.hub.leaving import Leaving
from tertulia.hub.live import LiveRoom
from tertulia.hub.live_rooms import LiveRooms
from tertulia.hub.sessions import Sessions
from tertulia.hub.tasks import Tasks, for_each
from tertulia.room.nodes import Nodes
from tertulia.room.settings import HubSettings
from tertulia.state.rooms import RoomState

NODES_EVERY: Final = 1.0
"""Seconds: as often as nodes beat."""

FIGURES_EVERY: Final = 1.0
"""Seconds: several times as often as anyone reads them."""

_log = structlog.get_logger(__name__)


class Watch:
    """Four loops; each goes on after Redis or SQL was away."""

    def __init__(
        self,
        settings: HubSettings,
        rooms: RoomState,
        live_rooms: LiveRooms,
        nodes: Nodes,
        leaving: Leaving,
        sessions: Sessions,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._live_rooms = live_rooms
        self._nodes = nodes
        self._leaving = leaving
        self._sessions = sessions

    def start(self, tasks: Tasks) -> None:
        """Begin; the loops end when ``tasks`` stops."""
        tasks.spawn(_repeat(NODES_EVERY, self._look_after_nodes))
        tasks.spawn(_repeat(self._settings.seat / 6, self._sweep))
        tasks.spawn(_repeat(self._settings.reap, self._sessions.reap))
        tasks.spawn(_repeat(FIGURES_EVERY, _settle_figures))

    async def _look_after_nodes(self) -> None:
        """Rooms without a living node get another; who has not heard of their node by now does."""
        await self._nodes.refresh()
        rooms = [live for live in self._live_rooms.all() if live.uses_sfu]
        dead = self._nodes.dead({live.node for live in rooms if live.node is not None})
        for live in rooms:
            live.announce_missing()
        await for_each((live for live in rooms if live.node is None or live.node in dead), self._move)

    async def _move(self, live: LiveRoom) -> None:
        from_node, to_node = live.node, self._nodes.choose(live.region)
        if to_node is None or to_node == from_node:
            return
        with self._nodes.reserved(to_node):  # many rooms move at once
            is_ours = await self._rooms.move(live.id, from_node, to_node)
            if is_ours:
                self._nodes.placed(to_node)
        if is_ours:
            live.moved(to_node, live.region)
            _log.info("a room moves to another SFU node", room=live.id, node=to_node)
            return
        summary = await self._rooms.summary(live.id)
        if summary is not None and summary.session_id == live.session_id:
            live.settled(summary)  # it lives elsewhere already

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        rooms = []
        for live in self._live_rooms.all():
            if live.mirror is not None:
                live.run(live.mirror.doubt(now))
                rooms.append(live)
        await for_each(rooms, self._leaving.sweep)


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
