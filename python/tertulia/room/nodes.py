"""The SFU nodes as this hub sees them: the registry, as last read, and where rooms are placed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from tertulia.ids import NodeId, RoomId
from tertulia.room.placement import Node, RecentPlacements, choose_node, room_region

QUIET_AFTER: Final = 0.7
"""Seconds of silence, of a node or of one of its media threads, after which it gets no rooms, and counts as dead for
rooms whose clients miss its media: two heartbeats are missing."""
GONE_AFTER: Final = 1.3
"""Seconds of silence after which it counts as dead for everybody: four heartbeats."""
MISSED_FOR: Final = 3.0
"""Seconds for which a client's word that its media has stopped is remembered."""
_GAP: Final = 1.6
"""Seconds between two readings of the registry, after which it is not known whether the nodes or Redis were away. Hubs
read it once a second at least."""
_FORGET_AFTER: Final = 60.0
"""Seconds since anyone asked for a missing node: no room lives on it any more."""


class Nodes:
    """One for all meetings of a hub, refreshed often. ``now`` is in seconds and never runs backwards."""

    def __init__(self, default_region: str) -> None:
        self._default_region = default_region
        self._listed: dict[NodeId, Node] = {}
        self._silence: dict[NodeId, float] = {}
        """Of those listed: seconds of silence, as of the last reading."""
        self._missing: dict[NodeId, tuple[float, float]] = {}
        """Nodes asked for that were not in the registry: since when, and when they were last asked for."""
        self._missed: dict[tuple[NodeId, RoomId], float] = {}
        """When a client of the room last said that its media from this node has stopped: it speaks for no other one."""
        self._read_at = float("-inf")
        self._steady_since = float("-inf")
        """Since when the registry has been read without a gap: nobody is known to be silent for longer."""
        self._recent = RecentPlacements()
        self._reserved: Counter[NodeId] = Counter()

    def refresh(self, listed: Iterable[Node], now: float, ages: Mapping[NodeId, float] = MappingProxyType({})) -> None:
        """The registry as it is now. ``ages``: seconds since the last heartbeat of each, 0 where there is none."""
        if now - self._read_at > _GAP:
            self._steady_since = now
            self._missing.clear()
        self._read_at = now
        self._listed = {node.id: node for node in listed}
        self._silence = {node.id: ages.get(node.id, 0.0) + node.still for node in self._listed.values()}
        self._missing = {
            node: (since, asked)
            for node, (since, asked) in self._missing.items()
            if node not in self._listed and now - asked < _FORGET_AFTER
        }
        self._missed = {missed: at for missed, at in self._missed.items() if now - at < MISSED_FOR}

    def get(self, node: NodeId) -> Node | None:
        """A node that is in the registry."""
        return self._listed.get(node)

    def alive(self) -> set[NodeId]:
        """All nodes in the registry."""
        return set(self._listed)

    def region(self, wanted: str | None) -> str:
        """The ``sfuRegion`` of a new room."""
        return room_region(self._listed.values(), wanted, self._default_region)

    def choose(self, region: str | None, now: float) -> NodeId | None:
        """The node for a new room, or for one that has to move; None: none is alive that takes rooms."""
        placed = self._reserved + Counter(self._recent.counts(int(now * 1000)))
        node = choose_node(self._well(), region, self._default_region, placed)
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

    def missed(self, node: NodeId, room: RoomId, now: float) -> None:
        """A client of this room says that its media from this node has stopped."""
        self._missed[node, room] = now

    def is_watched(self, now: float) -> bool:
        """Whether a client has just missed the media of a node: the next reading should not be far."""
        return any(now - at < MISSED_FOR for at in self._missed.values())

    def is_draining(self, node: NodeId) -> bool:
        """Whether a node wants to be rid of its rooms."""
        found = self._listed.get(node)
        return found is not None and found.draining

    def given_up(self, node: NodeId, room: RoomId) -> NodeId | None:
        """Where a node with too much to do wants this room to go; None: it keeps it, or that one cannot take it any
        more."""
        found = self._listed.get(node)
        given = found.gives_up if found is not None else None
        if given is None or room not in given.rooms:
            return None
        return next((other.id for other in self._well() if other.id == given.to and not other.draining), None)

    def is_dead(self, node: NodeId, room: RoomId, now: float) -> bool:
        """Whether the node of a room is dead: silent for too long, while at least one other is well. Silence that may
        be of Redis does not count. To be asked at each refresh: one that is not listed is gone since the first
        time."""
        limit = QUIET_AFTER if now - self._missed.get((node, room), float("-inf")) < MISSED_FOR else GONE_AFTER
        return self._silent_for(node, now) >= limit and any(other.id != node for other in self._well())

    def _silent_for(self, node: NodeId, now: float) -> float:
        if node in self._listed:
            self._missing.pop(node, None)
            return min(self._silence[node], self._read_at - self._steady_since)
        since, _ = self._missing.get(node, (now, now))
        self._missing[node] = since, now
        return now - since

    def _well(self) -> list[Node]:
        return [node for node in self._listed.values() if self._silence[node.id] < QUIET_AFTER]
