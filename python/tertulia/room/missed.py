"""What a client that returns to its seat has missed: from what the hub of its lost connection kept. Pure."""

from __future__ import annotations

import sys
from collections.abc import Container
from typing import Final

import msgspec
from msgspec import Struct

from tertulia.room.events import Event

_TOLD_ANEW: Final = frozenset({"SfuEndpoint", "SettingsChanged", "ParticipantWaiting", "WaitingEnded"})
_PRESENCE: Final = frozenset({"ParticipantJoined", "ParticipantLeft"})


class Backlog(Struct, frozen=True, kw_only=True):
    """What a connection was sent, as far as its hub kept it, and what it would have been sent since it was lost."""

    first: int
    """So many events came before ``events``: the client has them, or they are not kept any more."""
    events: list[Event]
    lost_at: int
    """So many had been sent when the connection was lost."""
    in_doubt: bool
    """Whether some of those may not have arrived, as far as the hub can tell by itself."""
    unsaid: list[int] = []
    """Which of ``events`` that hub told before the room's channel had said them: whoever listens to the channel from
    the return on may hear them too."""

    def after(self, received: int | None) -> tuple[list[Event], bool]:
        """What the client has missed, and whether more may be lost.

        ``received``: so many of the events it has. None: it does not say, so it gets what came after the loss. What
        who returns is told as it is by now is not repeated: where the room is, its settings, who waits.
        """
        if received is None:
            start, some_lost = self.lost_at, self.in_doubt
        elif received <= self.lost_at:
            start, some_lost = received, False
        else:
            start, some_lost = self.lost_at, True  # it cannot have received so many
        events = self.events[max(0, start - self.first) :]
        return [event for event in events if event.name not in _TOLD_ANEW], some_lost or start < self.first

    def without_overlap(self, held: list[Event]) -> list[Event]:
        """What was held for the client since its return, without what is here already."""
        unsaid = [(self.events[i].name, self.events[i].json()) for i in self.unsaid]
        following = []
        for event in held:
            key = event.name, event.json()
            if key in unsaid:
                unsaid.remove(key)
            else:
                following.append(event)
        return following


NOTHING_KEPT: Final = Backlog(first=sys.maxsize, events=[], lost_at=0, in_doubt=True)
"""Nobody can say what the client has missed: whatever it has received, something may be lost."""


def without_gone(held: list[Event], members: Container[str]) -> list[Event]:
    """What was held for a JoinRoom, without those who came and are no ``members`` now: that they left was said before
    the join, and is not held."""
    last = {user_of(event): event for event in held if event.name in _PRESENCE}
    return [
        event
        for event in held
        if event.name != "ParticipantJoined" or last[user_of(event)] is not event or user_of(event) in members
    ]


def user_of(event: Event) -> str:
    """Whom an event about one user is about."""
    payload = msgspec.to_builtins(event.value())
    return str(payload["userId"])
