"""The SFU node that a room has left: who is still served by it, and who is believed.

A node that drains, or has given the room up, goes on until the members are connected to the new one, so that nobody
misses anything. What any other node says of a room that has moved reaches no client: it stood still, or was cut off,
and speaks of people who may have left.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tertulia.ids import NodeId, transport_id
from tertulia.room import commands, events
from tertulia.room.effects import Tell
from tertulia.room.life import Left
from tertulia.room.messages import EventMessage
from tertulia.room.room import Room

SETTLES_WITHIN: Final = 1.0
"""Seconds from the last member's connection to the new node until the old one lets go: a keyframe has come by then."""
LETS_GO_AFTER: Final = 8.0
"""Seconds after which the old node lets go in any case: members without media never connect."""

_OF_NODES: Final = frozenset({"ActiveSpeakers", "RecordingTrouble"})
"""What SFU nodes say to everyone; what they say to one member names the seat."""


class Relocation:
    """Of one room. A move is told to the members first, and the old node later."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def begin(self, old: NodeId | None) -> None:
        """The room has moved, and its members here were told."""
        room, life = self._room, self._room.life
        if life is None:
            return
        if life.left is not None:
            self._let_go(life.left)
        life.left = None
        if old is None:
            return
        now = room.agenda.now
        left = Left(node=old, waiting={member.user_id for member in room.members.values()}, until=now + LETS_GO_AFTER)
        if room.hub.nodes.is_dead(old, room.id, now):
            self._let_go(left)
        else:
            life.left = left

    def look(self) -> None:
        """Whether the old node may let go by now."""
        life, now = self._room.life, self._room.agenda.now
        left = life.left if life is not None else None
        if life is None or left is None:
            return
        left.waiting &= self._room.members.keys()
        if not left.waiting:
            left.until = min(left.until, now + SETTLES_WITHIN)
        if now >= left.until or self._room.hub.nodes.is_dead(left.node, self._room.id, now):
            life.left = None
            self._let_go(left)

    def admits(self, message: EventMessage) -> bool:
        """Whether what another hub or a node says is to be told: not what a node says that the room is not on."""
        life = self._room.life
        if life is None or not (message.seat is not None or message.event in _OF_NODES):
            return True
        if message.origin == life.node:
            if life.left is not None and message.to is not None and _transport_state(message) == "connected":
                life.left.waiting.discard(message.to)
            return True
        # A transport that it closes is told of once, by this hub: the node lets go when the first hub does.
        return life.left is not None and message.origin == life.left.node and _transport_state(message) != "closed"

    def _let_go(self, left: Left) -> None:
        """The old node forgets the room. Clients are told here: it may be unable to."""
        room = self._room
        for seat in room.seats:
            if seat.topology == "sfu":
                room.audience.tell_seat(seat, events.transport_moved(transport_id(seat.seat, left.node)))
        room.agenda.effects.append(Tell(left.node, commands.End(room=room.id)))


def _transport_state(message: EventMessage) -> str | None:
    """What an SFU node says of a transport."""
    if message.event != "TransportState":
        return None
    state: dict[str, Any] = msgspec.json.decode(message.payload)
    return state.get("state")
