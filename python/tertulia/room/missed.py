"""What a lost connection misses until its client is back: bounded, and honest about what it could not keep. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Final

import msgspec

from tertulia.room.events import Event
from tertulia.room.outbox import Outbox

MAX_EVENTS: Final = 500
MAX_BYTES: Final = 256 * 1024
"""A lost seat lives for half a minute: this is plenty for it, and a thousand lost seats still cost less than 300 MB."""
_PRESENCE: Final = frozenset({"ParticipantJoined", "ParticipantLeft"})


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


def without_overlap(handed_over: list[Event], held: list[Event]) -> list[Event]:
    """What was kept for the lost connection, then what was held for the returning one, nothing twice.

    Both hear the room while the seat goes from one to the other, be it on one hub or on two. What both have is the same
    in name and payload; an event that is really said twice in these milliseconds says nothing new the second time. But
    for who came and went: of each member the last word of what was held is the last word.
    """
    known = Counter((event.name, event.json()) for event in handed_over)
    following = list(handed_over)
    for event in held:
        key = event.name, event.json()
        if known[key]:
            known[key] -= 1
        else:
            following.append(event)
    last = _last_words(following)
    return following + [word for user, word in _last_words(held).items() if word.name != last[user].name]


def without_gone(held: list[Event], members: Container[str]) -> list[Event]:
    """What was held for a JoinRoom, without those who came and are no ``members`` now: that they left was said before
    the join, and is not held."""
    last = _last_words(held)
    return [
        event
        for event in held
        if event.name != "ParticipantJoined" or last[_user(event)] is not event or _user(event) in members
    ]


def _last_words(events: list[Event]) -> dict[str, Event]:
    """Of each member who came or went, the last event that says so."""
    return {_user(event): event for event in events if event.name in _PRESENCE}


def _user(event: Event) -> str:
    payload = msgspec.to_builtins(event.value())
    return str(payload["userId"])
