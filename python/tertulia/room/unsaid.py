"""What the members of this hub were told before the room's channel has said it: it is still on its way there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tertulia.room.events import Event
from tertulia.room.mirror import Untold
from tertulia.room.missed import user_of

MAX_UNSAID: Final = 1000
"""Events that are on their way at once: those of a burst, for milliseconds."""
_NAMES: Final = {
    "joined": "ParticipantJoined",
    "left": "ParticipantLeft",
    "state": "StateChanged",
    "hand": "HandRaised",
    "name": "DisplayNameChanged",
    "optOut": "RecordingOptOutChanged",
}


class Unsaid:
    """What the hub itself has published, in order."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: list[tuple[str, bytes]] = []

    def publish(self, event: Event) -> None:
        """A member's event goes to the channel."""
        self._events.append((event.name, event.json()))
        del self._events[:-MAX_UNSAID]

    def hear(self, name: str, json: bytes) -> None:
        """The channel says one of them; those before it were said, or are lost."""
        if (name, json) in self._events:
            del self._events[: self._events.index((name, json)) + 1]

    def clear(self) -> None:
        """The channel has said all that it will say of them."""
        self._events.clear()

    def among(self, events: list[Event], untold: Iterable[Untold]) -> list[int]:
        """Which of ``events`` the channel has not said, ``untold`` changes of the membership among them."""
        found: set[int] = set()
        for name, json in reversed(self._events):
            _find(events, found, name, lambda event, json=json: event.json() == json)  # type: ignore[misc]
        for kind, user in untold:
            _find(events, found, _NAMES[kind], lambda event, user=user: user_of(event) == user)  # type: ignore[misc]
        return sorted(found)


def _find(events: list[Event], found: set[int], name: str, matches: Callable[[Event], bool]) -> None:
    """The last one of that name that matches and was not found yet."""
    for index in reversed(range(len(events))):
        if index not in found and events[index].name == name and matches(events[index]):
            found.add(index)
            return
