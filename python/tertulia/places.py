"""Bounded numbers of connections: so many at once, in all and from one address."""

from __future__ import annotations

from collections import Counter

from tertulia.senders import site_of


class Places:
    """``in_all`` and ``per_address`` (a /64 network of IPv6 is one): how many may be here at once; 0: any number."""

    def __init__(self, in_all: int, per_address: int) -> None:
        self._in_all = in_all
        self._per_address = per_address
        self.count = 0
        """How many are here."""
        self._by_site: Counter[str] = Counter()

    def enter(self, client: str) -> Place | None:
        """A connection from the IP address ``client`` has begun; None: there are too many."""
        site = site_of(client)
        if self._is_full(site):
            return None
        self.count += 1
        self._by_site[site] += 1
        return Place(self, site)

    def enter_anyhow(self) -> Place | None:
        """The same, of one that is counted in all only."""
        if self._in_all and self.count >= self._in_all:
            return None
        self.count += 1
        return Place(self, None)

    def is_crowded(self, place: Place) -> bool:
        """Whether more than half of what may be here is, from the address of ``place`` or in all."""
        here = 0 if place.site is None else self._by_site[place.site]
        return 2 * self.count > self._in_all > 0 or 2 * here > self._per_address > 0

    def _is_full(self, site: str) -> bool:
        return self.count >= self._in_all > 0 or self._by_site[site] >= self._per_address > 0

    def _left(self, site: str | None) -> None:
        self.count -= 1
        if site is not None:
            self._by_site[site] -= 1
            if not self._by_site[site]:
                del self._by_site[site]


class Place:
    """One connection's. ``site``: what its address is counted by, if it is."""

    __slots__ = ("_places", "is_held", "site")

    def __init__(self, places: Places, site: str | None) -> None:
        self._places = places
        self.site = site
        self.is_held = True
        """It has not left."""

    def leave(self) -> None:
        """The connection is gone, or counts no more. May be said twice."""
        if self.is_held:
            self.is_held = False
            self._places._left(self.site)
