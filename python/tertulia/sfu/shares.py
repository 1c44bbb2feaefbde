"""What each room of this node may bring in, where its tenant has a quota of bits. Pure.

A tenant's quota is for all its rooms, on all nodes. Each node says each second what comes into its rooms, hears what
comes into those elsewhere, and reckons from that the same *level*: what any of the tenant's rooms may have. Rooms
below it are not touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from tertulia.ids import RoomId, TenantId
from tertulia.room.commands import Limit

_SLIGHT: Final = 16
"""A room whose share grows by less than a sixteenth is not told."""


def level(quota: int, inflows: Iterable[int]) -> int:
    """What one room may have, given what comes into each.

    Within the quota, the largest may take all that is left. Beyond it, the rooms that bring in most are cut to the same
    level (max-min fairness), so that all together keep to the quota.
    """
    rates = sorted(inflows)
    spare = quota - sum(rates)
    if spare >= 0:
        return spare + (rates[-1] if rates else 0)
    for others, rate in enumerate(rates):
        fair = quota // (len(rates) - others)
        if rate >= fair:
            return fair
        quota -= rate
    raise AssertionError("rooms that bring in more than the quota have one that does")


class Told(NamedTuple):
    """What the engine is to hold a room to."""

    room: RoomId
    kilobits: int


class Shares:
    """The rooms of this node that hubs hold to a rate."""

    def __init__(self, room_kilobits: int) -> None:
        """``room_kilobits``: what the engine lets into any room."""
        self._most = room_kilobits
        self._rooms: dict[RoomId, _Limited] = {}
        self._levels: dict[TenantId, int] = {}
        """As last reckoned; none yet: the quota."""

    def limited(self, limit: Limit) -> Told:
        """A hub says what may come into a room. What the engine is to be told: that, or the tenant's level."""
        room = self._rooms.setdefault(limit.room, _Limited(self._most))
        room.own = self._most if limit.mbits is None else min(self._most, limit.mbits * 1000)
        room.tenant, room.quota = limit.tenant, limit.tenant_mbits * 1000
        return Told(limit.room, self._allowed(room))

    def measured(self, room: RoomId, kilobits: int) -> None:
        """What came into a room in the last second, dropped or not."""
        if room in self._rooms:
            self._rooms[room].inflow = kilobits

    def keep(self, rooms: Collection[RoomId]) -> None:
        """Only these are open."""
        self._rooms = {room: limited for room, limited in self._rooms.items() if room in rooms}
        tenants = set(self.tenants())
        self._levels = {tenant: known for tenant, known in self._levels.items() if tenant in tenants}

    def tenants(self) -> list[TenantId]:
        """Those with a quota who have rooms here."""
        return list(dict.fromkeys(room.tenant for room in self._rooms.values() if room.tenant is not None))

    def inflows(self, tenant: TenantId) -> list[int]:
        """What comes into each of the tenant's rooms here."""
        return [room.inflow for room in self._of(tenant)]

    def heard(self, tenant: TenantId, elsewhere: Iterable[int]) -> None:
        """What comes into each of the tenant's rooms on other nodes."""
        rooms = list(self._of(tenant))
        if rooms:
            quota = min(room.quota for room in rooms)  # hubs may differ until they have read it anew
            self._levels[tenant] = level(quota, [*(room.inflow for room in rooms), *elsewhere])

    def changed(self) -> list[Told]:
        """The rooms whose share is another one now."""
        return [Told(name, self._allowed(room)) for name, room in self._rooms.items() if self._is_new(room)]

    def told(self, said: Told) -> None:
        """The engine knows."""
        self._rooms[said.room].told = said.kilobits

    def is_short(self, room: RoomId) -> bool:
        """Whether it is the tenant's quota as a whole that a room is held to."""
        limited = self._rooms.get(room)
        return limited is not None and limited.tenant is not None and limited.told < limited.own

    def _of(self, tenant: TenantId) -> Iterator[_Limited]:
        return (room for room in self._rooms.values() if room.tenant == tenant)

    def _allowed(self, room: _Limited) -> int:
        if room.tenant is None:
            return room.own
        return min(room.own, self._levels.get(room.tenant, room.quota))

    def _is_new(self, room: _Limited) -> bool:
        allowed = self._allowed(room)
        return allowed < room.told or allowed - room.told > room.told // _SLIGHT


class _Limited:
    def __init__(self, most: int) -> None:
        self.own = most
        self.tenant: TenantId | None = None
        self.quota = 0
        self.inflow = 0
        self.told = most
