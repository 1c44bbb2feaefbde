"""Who has connected and not joined a room yet: so many at once, in all and from one address."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Final

from tertulia.senders import site_of
from tertulia.sockets.upgrade import Refusal

IN_ALL: Final = 4000
"""Connections of one web worker."""
PER_ADDRESS: Final = 400
"""Of these, connections from one address (/64 for IPv6): more than a large company behind one address opens within the
moment that joining takes."""
MAX_MESSAGE: Final = 16 * 1024
"""Bytes of a message before JoinRoom: twice the longest token."""
CROWDED: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections have not joined a room: try again")


class Lobby:
    """``in_all`` and ``per_address``: how many may be here at once; 0: any number."""

    def __init__(self, in_all: int = IN_ALL, per_address: int = PER_ADDRESS) -> None:
        self._in_all = in_all
        self._per_address = per_address
        self.count = 0
        """How many are here."""
        self._by_site: Counter[str] = Counter()

    def enter(self, client: str) -> Place | None:
        """A connection from the IP address ``client`` has begun; None: there are too many."""
        site = site_of(client)
        if self._in_all and self.count >= self._in_all:
            return None
        if self._per_address and self._by_site[site] >= self._per_address:
            return None
        self.count += 1
        self._by_site[site] += 1
        return Place(self, site)

    def _left(self, site: str) -> None:
        self.count -= 1
        self._by_site[site] -= 1
        if not self._by_site[site]:
            del self._by_site[site]


class Place:
    """One connection's. ``is_held``: it has not joined."""

    __slots__ = ("_lobby", "_site", "is_held")

    def __init__(self, lobby: Lobby, site: str) -> None:
        self._lobby = lobby
        self._site = site
        self.is_held = True

    def leave(self) -> None:
        """The connection has joined, or is gone. May be said twice."""
        if self.is_held:
            self.is_held = False
            self._lobby._left(self._site)
