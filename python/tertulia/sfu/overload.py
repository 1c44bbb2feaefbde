"""Whether this node has too much to do, and which rooms it gives up to which other one. Pure.

Rooms are given up if the busier of the two nodes is then clearly less busy than this one is now. So a room never goes
back and forth while what it costs stays the same, and one that would fill any node stays where it is.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from tertulia.ids import NodeId, RoomId
from tertulia.room.placement import GivenUp, Node
from tertulia.room.relocation import LETS_GO_AFTER

SMOOTHED: Final = 5.0
"""Seconds over which the load counts: a keyframe or a crowd that joins is no reason."""
WEIGHED_FOR: Final = 3.0
"""Seconds for which it is counted what is forwarded in each room. A count may come as much later."""
SETTLED: Final = 20.0
"""Seconds that a room has to be here: it may still grow, and who came with it from another node has still to let go of
that."""
LEAST: Final = 0.02
"""The share of the node's work that is to go: less is not worth a move. Rooms that are smaller go together."""
TOGETHER: Final = 0.1
"""The share of its work that small rooms may be which go together."""
MOST_TOGETHER: Final = 50
"""So many of them at most: their clients connect to the other node at the same time, and the registry names them."""
HELPS: Final = 0.8
"""What the other node may do after the move, of what this one does now."""
GIVEN_FOR: Final = 4.0
"""Seconds for which rooms are said to be given up: until hubs have moved them."""
KEPT_FOR: Final = GIVEN_FOR + LETS_GO_AFTER + 2.0
"""Seconds for which their clients may be here, though they live elsewhere: until hubs that have moved one at the last
moment let this node go."""
RESTS: Final = 20.0
"""Seconds from one decision to the next: by then the load shows what came of it."""


class Weigh(Struct, frozen=True):
    """It has to be known what is forwarded in each room: :meth:`Overload.weighed`."""


class Choose(Struct, frozen=True):
    """It is known: :meth:`Overload.choose`. Asked for again at each heartbeat until that is called."""

    costs: Mapping[RoomId, float]
    """What each room costs that may go, in the terms of the load."""


Need: TypeAlias = Weigh | Choose
"""What it takes to go on."""


class _Weighing(Struct):
    """The rooms are weighed for the first time, and shall be again at ``until``."""

    until: float
    before: dict[RoomId, int]


class _Weighed(Struct):
    """They are weighed again, which counts if it is known by ``until``."""

    until: float
    before: Mapping[RoomId, int]
    after: dict[RoomId, int]


class Overload:
    """Of one node. ``now`` is in seconds and never runs backwards."""

    def __init__(self, node: NodeId, region: str, limit: float, now: float) -> None:
        """``limit``: the load from which rooms are given up; 0: none ever is."""
        self._node = node
        self._region = region
        self._limit = limit or math.inf
        self._load = self._own = 0.0
        self._beat_at = now
        self._came: dict[RoomId, float] = {}
        self._state: _Weighing | _Weighed | None = None
        self._decided_at = -math.inf
        self._given: GivenUp | None = None

    @property
    def given(self) -> GivenUp | None:
        """The rooms that hubs are to move."""
        return self._given if self._beat_at < self._decided_at + GIVEN_FOR else None

    def is_leaving(self, room: RoomId) -> bool:
        """Whether a room was given up so lately that its clients may be on their way."""
        return self._given is not None and room in self._given.rooms

    def beat(self, load: float, own: float, rooms: Collection[RoomId], now: float) -> Need | None:
        """At each heartbeat: the load since the last one, what of it the rooms cause that are here, and these."""
        weight = -math.expm1((self._beat_at - now) / SMOOTHED)
        self._load += (load - self._load) * weight
        self._own += (own - self._own) * weight
        self._beat_at = now
        self._came = {room: self._came.get(room, now) for room in rooms}
        if now >= self._decided_at + KEPT_FOR:
            self._given = None
        if self._load < self._limit or now < self._decided_at + RESTS:
            self._state = None
            return None
        match self._state:
            case _Weighing(until) if now < until:
                return None
            case _Weighing(before=before) if before or not rooms:
                self._state = _Weighed(now + WEIGHED_FOR, before, {})
                return Weigh()
            case _Weighed(before=before, after=after) as weighed if before.keys() & rooms <= after.keys():
                return Choose(self._costs(weighed, now))
            case _Weighed(until) if now < until:
                return None
            case _:
                self._state = _Weighing(now + WEIGHED_FOR, {})
                return Weigh()

    def weighed(self, room: RoomId, packets: int) -> None:
        """So many packets were forwarded in a room since it began."""
        match self._state:
            case _Weighing(before=packets_of) | _Weighed(after=packets_of):
                packets_of[room] = packets

    def not_weighed(self) -> None:
        """The engine could not be asked: it is begun anew."""
        self._state = None

    def choose(self, costs: Mapping[RoomId, float], nodes: Collection[Node], now: float) -> GivenUp | None:
        """Which rooms are given up to which of the nodes that are well. ``costs``: as :class:`Choose` has them. None:
        to give up any would not help."""
        self._state, self._decided_at = None, now
        coming = [node.gives_up for node in nodes if node.gives_up is not None]
        other = min(self._others(nodes), key=lambda node: (_soon(node, coming), node.id), default=None)
        self._given = None if other is None else self._to(other.id, _soon(other, coming), costs)
        return self._given

    def _others(self, nodes: Iterable[Node]) -> list[Node]:
        return [n for n in nodes if n.id != self._node and n.region == self._region and not n.draining]

    def _costs(self, weighed: _Weighed, now: float) -> dict[RoomId, float]:
        before, after = weighed.before, weighed.after
        # Where less was forwarded than before, the room has begun anew meanwhile.
        packets = {room: max(0, after[room] - before[room]) for room in after.keys() & before.keys()}
        each = self._own / max(1, sum(packets.values()))
        return {room: count * each for room, count in packets.items() if now - self._came.get(room, now) >= SETTLED}

    def _to(self, other: NodeId, load: float, costs: Mapping[RoomId, float]) -> GivenUp | None:
        """What is given up to a node that has so much to do."""
        rooms = self._one(load, costs) or self._several(load, costs)
        return GivenUp(rooms=rooms, to=other, load=round(sum(costs[r] for r in rooms), 3)) if rooms else None

    def _one(self, load: float, costs: Mapping[RoomId, float]) -> list[RoomId]:
        """The room that leaves the busier of the two the least busy; of equal ones the one that costs least."""
        helpful = [
            (max(self._load - cost, load + cost), cost, room)
            for room, cost in costs.items()
            if cost >= LEAST * self._load and load + cost <= HELPS * self._load
        ]
        return [min(helpful)[2]] if helpful else []

    def _several(self, load: float, costs: Mapping[RoomId, float]) -> list[RoomId]:
        """Small rooms, the largest of them first, for as long as each leaves the busier of the two less busy."""
        most = min(TOGETHER * self._load, HELPS * self._load - load)
        small = sorted(((c, room) for room, c in costs.items() if 0 < c < LEAST * self._load), reverse=True)
        rooms, together = list[RoomId](), 0.0
        for cost, room in small[:MOST_TOGETHER]:
            if together + cost <= most and load + together + cost <= self._load - together:
                rooms.append(room)
                together += cost
        return rooms if together >= LEAST * self._load else []


def _soon(node: Node, coming: Iterable[GivenUp]) -> float:
    """What a node will have to do, with the rooms that others give up to it."""
    return node.load + sum(given.load for given in coming if given.to == node.id)
