"""The SFU nodes as this hub sees them: the registry, as last read, and where rooms are placed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tertulia.ids import NodeId
from tertulia.room.placement import Node, RecentPlacements, choose_node, room_region

GONE_AFTER: Final = 3.0
"""Seconds out of the registry after which a node counts as dead: more than one heartbeat, so that nodes that register
again after Redis came back empty are not taken for dead."""
_FORGET_AFTER: Final = 60.0
"""Seconds since anyone asked for a missing node: no room lives on it any more."""


class Nodes:
    """One for all meetings of a hub, refreshed about each second. ``now`` is in seconds and never runs backwards."""

    def __init__(self, default_region: str) -> None:
        self._default_region = default_region
        self._alive: dict[NodeId, Node] = {}
        self._missing: dict[NodeId, tuple[float, float]] = {}
        """Nodes asked for that were not in the registry: since when, and when they were last asked for."""
        self._recent = RecentPlacements()
        self._reserved: Counter[NodeId] = Counter()

    def refresh(self, alive: Iterable[Node], now: float) -> None:
        """The registry as it is now."""
        self._alive = {node.id: node for node in alive}
        self._missing = {
            node: (since, asked)
            for node, (since, asked) in self._missing.items()
            if node not in self._alive and now - asked < _FORGET_AFTER
        }

    def get(self, node: NodeId) -> Node | None:
        """A node that is alive."""
        return self._alive.get(node)

    def alive(self) -> set[NodeId]:
        """All nodes that are alive."""
        return set(self._alive)

    def region(self, wanted: str | None) -> str:
        """The ``sfuRegion`` of a new room."""
        return room_region(self._alive.values(), wanted, self._default_region)

    def choose(self, region: str | None, now: float) -> NodeId | None:
        """The node for a new room, or for one whose node is dead; None: none is alive."""
        placed = self._reserved + Counter(self._recent.counts(int(now * 1000)))
        node = choose_node(self._alive.values(), region, self._default_region, placed)
        return node.id if node is not None else None

    def reserve(self, node: NodeId) -> None:
        """Redis is asked to place a room there: others that come at once do not all choose the same node."""
        self._reserved[node] += 1

    def release(self, node: NodeId) -> None:
        """Redis has answered."""
        self._reserved[node] -= 1

    def placed(self, node: NodeId, now: float) -> None:
        """A room was placed there."""
        self._recent.add(node, int(now * 1000))

    def is_dead(self, node: NodeId, now: float) -> bool:
        """Whether a node in use is dead: gone for :data:`GONE_AFTER`, while at least one other is alive. To be asked at
        each refresh: it is gone since the first time."""
        if node in self._alive:
            return False
        since, _ = self._missing.get(node, (now, now))
        self._missing[node] = since, now
        return bool(self._alive) and now - since >= GONE_AFTER
