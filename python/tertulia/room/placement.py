"""Which SFU node a room gets: by region first, then by load, with what was placed lately counted in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from tertulia.ids import NodeId, RoomId


class GivenUp(Struct, frozen=True, kw_only=True, rename="camel"):
    """Rooms that a node with too much to do gives up to another one."""

    rooms: list[RoomId]
    """A large one, or several small ones."""
    to: NodeId
    load: float
    """What they cost together, in the terms of :attr:`Node.load`."""


class Node(Struct, frozen=True, kw_only=True, rename="camel"):
    """An SFU node as it registers itself: the JSON in ``{sfu}:nodes``."""

    id: NodeId
    region: str
    ip: str
    ports: Annotated[list[int], Meta(min_length=1)]
    """One: see :attr:`port`. It is a list because processes of older versions, which share the registry, read one."""
    load: float
    """0 idle to 1 full, as the node measures it."""
    rooms: int
    peers: int
    recordings: int = 0
    """Parts of recordings that it writes now."""
    peers_limited: int = 0
    """Peers whose line has shown a limit."""
    limited_kilobits: int = 0
    """What those can be sent, together, in kbit/s."""
    videos_paused: int = 0
    """Videos that peers are not sent, since they do not fit through their lines."""
    draining: bool = False
    """It takes no rooms any more, and wants to be rid of those it has."""
    gives_up: GivenUp | None = None
    still: float = 0.0
    """Seconds for which its media thread, or the one that reads SDP, has not turned, though it was asked to; at this
    heartbeat."""

    @property
    def port(self) -> int:
        """Its media port, UDP and TCP."""
        return self.ports[0]


ROOM_LOAD: Final = 0.02
"""What a room just placed counts until the node's own figures show it: fifty of them fill a node. Only the spread
depends on it."""
FRESH_MS: Final = 10_000
"""How long: a few heartbeats, and the time people need until their media flows."""


class RecentPlacements:
    """The rooms this hub has placed within the last :data:`FRESH_MS`."""

    def __init__(self) -> None:
        self._placed: deque[tuple[int, NodeId]] = deque()
        self._counts: dict[NodeId, int] = {}

    def add(self, node: NodeId, now_ms: int) -> None:
        """A room was placed there; ``now_ms`` never runs backwards."""
        self._forget(now_ms)
        self._placed.append((now_ms, node))
        self._counts[node] = self._counts.get(node, 0) + 1

    def counts(self, now_ms: int) -> Mapping[NodeId, int]:
        """Node → rooms placed there lately; to be read at once."""
        self._forget(now_ms)
        return self._counts

    def _forget(self, now_ms: int) -> None:
        while self._placed and self._placed[0][0] <= now_ms - FRESH_MS:
            _, node = self._placed.popleft()
            self._counts[node] -= 1
            if not self._counts[node]:
                del self._counts[node]


def choose_node(
    nodes: Iterable[Node], wanted_region: str | None, default_region: str, recent: Mapping[NodeId, int]
) -> Node | None:
    """The node for a new room, or for one whose node is gone; None: none is alive that takes rooms.

    ``nodes`` are the live ones. A region that has no node falls back to the default one, and if that has none either,
    to all.
    Draining nodes are never chosen. Equal nodes are told apart by their id, so that all hubs choose alike.
    """
    open_nodes = [n for n in nodes if not n.draining]
    for region in (wanted_region, default_region):
        local = [n for n in open_nodes if n.region == region]
        if local:
            return min(local, key=lambda n: _weight(n, recent))
    return min(open_nodes, key=lambda n: _weight(n, recent), default=None)


def room_region(nodes: Iterable[Node], wanted_region: str | None, default_region: str) -> str:
    """What a new room's ``sfuRegion`` is, for its whole meeting: the wanted region if a node is in it, be it one that
    drains and will be followed by another, else the default."""
    is_known = any(n.region == wanted_region for n in nodes)
    return wanted_region if wanted_region and is_known else default_region


def _weight(node: Node, recent: Mapping[NodeId, int]) -> tuple[float, int, NodeId]:
    placed = recent.get(node.id, 0)
    return node.load + ROOM_LOAD * placed, node.rooms + placed, node.id
