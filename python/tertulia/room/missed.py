"""What a lost connection misses until its client is back: bounded, and honest about what it could not keep. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tertulia.room.events import Event
from tertulia.room.outbox import Outbox

MAX_EVENTS: Final = 500
MAX_BYTES: Final = 256 * 1024
"""A lost seat lives for half a minute: this is plenty for it, and a thousand lost seats still cost less than 300 MB."""


class Missed:
    """The events since a connection was lost."""

    __slots__ = ("_events", "some_lost")

    def __init__(self, some_lost: bool = False) -> None:
        self._events: Outbox[Event] = Outbox(MAX_EVENTS, MAX_BYTES)
        self.some_lost = some_lost
        """Whether something is gone for good, or may be: the client has to take the state from JoinRoom's result."""

    def add(self, event: Event) -> None:
        """Keep an event; once one does not fit, none is kept any more."""
        if not self._events.add(event, len(event.json()), event.latest):
            self.some_lost = True
            self._events = Outbox(0, 0)

    def take(self) -> list[Event]:
        """The events kept, the oldest first."""
        events = []
        while (event := self._events.pop()) is not None:
            events.append(event)
        return events


def without_overlap(handed_over: list[Event], held: Iterable[Event]) -> list[Event]:
    """What was kept for the lost connection, then what was held for the returning one, nothing twice.

    Both hear the room while the seat goes from one to the other, be it on one hub or on two. What both have is the same
    in name and payload; an event that is really said twice in these milliseconds says nothing new the second time.
    """
    known = Counter((event.name, event.json()) for event in handed_over)
    rest = []
    for event in held:
        key = event.name, event.json()
        if known[key]:
            known[key] -= 1
        else:
            rest.append(event)
    return handed_over + rest
