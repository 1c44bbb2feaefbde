"""Whom this node serves, and who vouches for them: the hubs say every few seconds who is seated in their rooms. Pure.

A node that was cut off, so that it missed the end of a seat, closes its peer when it hears of the others. While nobody
says anything of a room nothing is closed: Redis may be away, and media does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tertulia.ids import RoomId, TransportId

GRACE: Final = 10.0
"""Seconds for which a peer may go unnamed while its room is named: two rounds of the hubs, and a hub does not hear at
once of who joins by another."""
LEASE: Final = 60.0
"""Seconds after which a room that was named and is no more counts as left by every hub: twice the time for which a seat
is kept without its client."""


class Leases:
    """Rooms, with their peers. ``now`` is in seconds and never runs backwards."""

    def __init__(self) -> None:
        self._rooms: dict[RoomId, dict[TransportId, float]] = {}
        """When each peer was last named, or offered."""
        self._named: dict[RoomId, float] = {}
        """When each room was last named; of a room that never was, nothing is known."""

    def rooms(self) -> list[RoomId]:
        """Those that have peers."""
        return list(self._rooms)

    def offered(self, room: RoomId, transport: TransportId, now: float) -> None:
        """A client has offered."""
        self._rooms.setdefault(room, {})[transport] = now

    def closed(self, room: RoomId, transport: TransportId) -> None:
        """A peer is gone."""
        peers = self._rooms.get(room)
        if peers is not None and peers.pop(transport, None) is not None and not peers:
            self.ended(room)

    def ended(self, room: RoomId) -> None:
        """All peers of a room are gone."""
        self._rooms.pop(room, None)
        self._named.pop(room, None)

    def named(self, room: RoomId, transports: Iterable[TransportId], now: float) -> list[TransportId]:
        """A hub says who is seated; the peers for whom nobody has vouched for too long."""
        peers = self._rooms.get(room)
        if peers is None:
            return []
        self._named[room] = now
        peers.update((transport, now) for transport in transports if transport in peers)
        return [transport for transport, at in peers.items() if now - at > GRACE]

    def renew(self, now: float) -> None:
        """Commands may have been lost: the silence of the hubs until now says nothing."""
        self._named = dict.fromkeys(self._named, now)

    def abandoned(self, now: float) -> list[RoomId]:
        """The rooms that no hub has named for too long."""
        return [room for room, at in self._named.items() if now - at > LEASE]
