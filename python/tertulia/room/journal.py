"""What was sent to the connections of a room, kept until they say that they have received it. Pure, and bounded.

A broadcast is kept once for all; each connection has its place in the broadcasts (:class:`Sent`), and with it the
events for it alone. So a broadcast touches no connection, and one that has confirmed everything holds nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple

from msgspec import Raw, Struct

from tertulia.room.events import Event

MAX_EVENTS: Final = 1000
"""Of the broadcasts, and again of the events for one connection alone."""
SPARE_EVENTS: Final = 100
"""Of the broadcasts: that many are forgotten at once, which costs less than one at a time."""
MAX_BROADCAST_BYTES: Final = 1024 * 1024
"""Once a room."""
MAX_OWN_BYTES: Final = 256 * 1024
"""Once a connection, beside one event that is larger than what is too much: so a thousand that never confirm anything
cost less than 300 MB, or twice that if each has such a one."""


class Kept(Struct, frozen=True, gc=False):
    """An event without its frames."""

    name: str
    json: bytes
    latest: Hashable

    @classmethod
    def of(cls, event: Event) -> Kept:
        """What is kept of an event."""
        return cls(event.name, event.json(), event.latest)

    def event(self) -> Event:
        """The event again."""
        return Event(self.name, Raw(self.json), self.latest)


class Broadcasts:
    """The last broadcasts of a room, numbered from 0."""

    __slots__ = ("_kept", "_size", "made")

    def __init__(self) -> None:
        self._kept: list[Kept] = []  # most are empty, and an empty deque is ten times as large
        self._size = 0
        self.made = 0
        """So far."""

    @property
    def first(self) -> int:
        """The number of the oldest that is kept."""
        return self.made - len(self._kept)

    def add(self, kept: Kept) -> None:
        """One more; the oldest go where too much is kept."""
        self.made += 1
        self._kept.append(kept)
        self._size += len(kept.json)
        if self._size > MAX_BROADCAST_BYTES or len(self._kept) >= MAX_EVENTS + SPARE_EVENTS:
            self._make_room()

    def forget(self, before: int) -> None:
        """Those before this number are of no use any more."""
        passed = max(0, before - self.first)
        self._size -= sum(len(kept.json) for kept in self._kept[:passed])
        del self._kept[:passed]

    def _make_room(self) -> None:
        self.forget(self.made - MAX_EVENTS)
        while self._size > MAX_BROADCAST_BYTES:
            self.forget(self.first + 1)

    def between(self, first: int, last: int) -> list[Kept]:
        """Those from ``first`` up to but not including ``last``, all of which are kept."""
        return self._kept[first - self.first : last - self.first]


class _Own(NamedTuple):
    """An exception to "it was sent every broadcast"."""

    place: int
    """The number of the next broadcast at that moment."""
    kept: Kept | None
    """An event for this connection alone, before that broadcast; None: that broadcast was not sent to it."""


def _size(own: _Own) -> int:
    return 0 if own.kept is None else len(own.kept.json)


class Sent(Struct, eq=False):
    """What one connection was sent, in order: the events from ``first`` on."""

    place: int
    """The number of the broadcast before which event ``first`` is to be found."""
    first: int = 0
    """So many events were before: confirmed, or not kept any more."""
    own: list[_Own] = []
    own_bytes: int = 0
    extra: int = 0
    """Events in ``own``, less the broadcasts that were not sent."""

    def total(self, made: int) -> int:
        """Events so far, when ``made`` broadcasts were made."""
        return self.first + made - self.place + self.extra

    def add(self, kept: Kept, made: int) -> None:
        """An event for this connection alone."""
        self.own.append(_Own(made, kept))
        self.own_bytes += len(kept.json)
        self.extra += 1
        while len(self.own) > MAX_EVENTS or self.own_bytes - _size(self.own[0]) >= MAX_OWN_BYTES:
            self.forget(self._up_to(self.own[0]))

    def leave_out(self, broadcast: int) -> None:
        """This broadcast, the newest, is not sent to it."""
        self.own.append(_Own(broadcast, None))
        self.extra -= 1
        while len(self.own) > MAX_EVENTS:
            self.forget(self._up_to(self.own[0]))

    def forget(self, before: int) -> None:
        """Events before this number are of no use any more; it is at most :meth:`total`."""
        left, passed = before - self.first, 0
        for place, kept in self.own:
            needed = place - self.place + (kept is not None)
            if left < needed:
                break
            left -= needed
            passed += 1
            self.place = place + (kept is None)
            self._uncount(kept)
        del self.own[:passed]
        self.place += left
        self.first = before

    def since(self, broadcasts: Broadcasts) -> list[Kept]:
        """All that is kept, the oldest first; what cannot be had any more is forgotten."""
        if self.place < broadcasts.first:
            self.forget(self._before(broadcasts.first))
        kept: list[Kept] = []
        place = self.place
        for at, own in self.own:
            kept += broadcasts.between(place, at)
            if own is not None:
                kept.append(own)
            place = at + (own is None)
        kept += broadcasts.between(place, broadcasts.made)
        return kept

    def supersede(self, latest: Hashable, broadcasts: Broadcasts) -> None:
        """The last event with this ``latest`` took the place of the one before, which was not sent after all."""
        own = [i for i, (_, kept) in enumerate(self.own) if kept is not None and kept.latest == latest]
        places = self._broadcasts_with(latest, broadcasts)
        found = sorted([(self.own[i].place, 0, i) for i in own[-2:]] + [(place, 1, place) for place in places[-2:]])
        if len(found) < 2:
            return  # it is not kept any more
        _, is_broadcast, at = found[-2]
        if is_broadcast:
            after = next((i for i, one in enumerate(self.own) if one.place > at), len(self.own))
            self.own.insert(after, _Own(at, None))
            self.extra -= 1
        else:
            self._uncount(self.own.pop(at).kept)

    def _broadcasts_with(self, latest: Hashable, broadcasts: Broadcasts) -> list[int]:
        first = max(self.place, broadcasts.first)
        left_out = {place for place, kept in self.own if kept is None}
        all_of_them = enumerate(broadcasts.between(first, broadcasts.made), first)
        return [place for place, kept in all_of_them if kept.latest == latest and place not in left_out]

    def _up_to(self, own: _Own) -> int:
        """How many events there were up to the first of its own, that included."""
        return self.first + own.place - self.place + (own.kept is not None)

    def _before(self, broadcast: int) -> int:
        """How many events there were before a broadcast."""
        own = sum(1 if kept is not None else -1 for place, kept in self.own if place < broadcast)
        return self.first + broadcast - self.place + own

    def _uncount(self, kept: Kept | None) -> None:
        if kept is None:
            self.extra += 1
        else:
            self.extra -= 1
            self.own_bytes -= len(kept.json)
