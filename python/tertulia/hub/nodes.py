"""The SFU nodes as this worker sees them: the registry, cached, and where rooms are placed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from tertulia.ids import NodeId
from tertulia.room.placement import Node, RecentPlacements, choose_node, room_region
from tertulia.state.registry import Registry

GONE_AFTER: Final = 3.0
"""Seconds out of the registry after which a node counts as dead: more than one heartbeat, so that nodes that register
again after Redis came back empty are not taken for dead."""


class Nodes:
    """Refreshed each second by the hub; in between everything is answered from memory."""

    def __init__(
        self, registry: Registry[Node], default_region: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._default_region = default_region
        self._clock = clock
        self._alive: dict[NodeId, Node] = {}
        self._gone: dict[NodeId, float] = {}
        """Nodes asked for that were not in the registry, and since when."""
        self._recent = RecentPlacements()
        self._reserved: Counter[NodeId] = Counter()
        """Rooms that JoinRooms under way are about to place."""

    async def refresh(self) -> None:
        """Read the registry; raises Unavailable."""
        self._alive = {node.id: node for node in await self._registry.alive()}
        self._gone = {node: since for node, since in self._gone.items() if node not in self._alive}

    def get(self, node: NodeId) -> Node | None:
        """A node that is alive."""
        return self._alive.get(node)

    def region(self, wanted: str | None) -> str:
        """The ``sfuRegion`` of a new room."""
        return room_region(self._alive.values(), wanted, self._default_region)

    def choose(self, region: str | None) -> NodeId | None:
        """The node for a new room, or for one whose node is dead; None: none is alive."""
        placed = self._reserved + Counter(self._recent.counts(self._now_ms()))
        node = choose_node(self._alive.values(), region, self._default_region, placed)
        return node.id if node is not None else None

    @contextmanager
    def reserved(self, node: NodeId | None) -> Iterator[None]:
        """While Redis is asked to place a room there: others that come at once do not all choose the same node."""
        if node is not None:
            self._reserved[node] += 1
        try:
            yield
        finally:
            if node is not None:
                self._reserved[node] -= 1

    def placed(self, node: NodeId) -> None:
        """A room was placed there."""
        self._recent.add(node, self._now_ms())

    def dead(self, used: Iterable[NodeId]) -> set[NodeId]:
        """Which of the nodes in use are dead: gone for :data:`GONE_AFTER`, while at least one other is alive."""
        missing = set(used) - self._alive.keys()
        now = self._clock()
        self._gone = {node: self._gone.get(node, now) for node in missing}
        if not self._alive:
            return set()
        return {node for node, since in self._gone.items() if now - since >= GONE_AFTER}

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
