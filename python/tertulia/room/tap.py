"""Whose media the SFU node writes down: what it is told, seat by seat, after the members have been."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tertulia.ids import NodeId, RecordingId, transport_id
from tertulia.room import commands
from tertulia.room.effects import Tell
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated

SAID_AGAIN_FOR: Final = 30.0
"""Seconds for which an end is said again at each sweep, since a command may be lost."""


class _Over(Struct):
    """A recording that has ended."""

    nodes: set[NodeId]
    until: float


class Tap:
    """Nobody is recorded who has opted out, or whose client was not told; and nobody after the end."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._nodes: set[NodeId] = set()
        """Those that were told to record in the present recording."""
        self._over: dict[RecordingId, _Over] = {}

    def recording_of(self, seat: Seated | Lost) -> RecordingId | None:
        """What the media of this seat is to be recorded in. Whoever gets it says it to the room's node."""
        life = self._room.life
        if life is None or life.recording is None or life.recording in self._over:
            return None
        if isinstance(seat, Lost) and seat.told != life.recording:
            return None
        member = self._room.members.get(seat.user_id)
        if member is None or member.recording_opt_out:
            return None
        if life.node is not None:
            self._nodes.add(life.node)
        return life.recording

    def mark(self, seat: Seated | Lost) -> None:
        """Tell the node what this seat is recorded in, or that it is not. Without a peer, an offer says it."""
        room = self._room
        if room.node is not None and seat.topology == "sfu":
            transport = transport_id(seat.seat, room.node)
            member = room.members.get(seat.user_id)
            command = commands.Record(
                room=room.id,
                transport=transport,
                recording=self.recording_of(seat),
                name=member.display_name if member is not None else "",
            )
            room.agenda.effects.append(Tell(room.node, command))

    def begin(self) -> None:
        """A recording goes on, and the members of this hub were told; but for those who are gone already."""
        leaving = self._room.leaving()
        for seat in self._room.seats.present.values():
            if seat.connection not in leaving:
                self.mark(seat)

    def end(self, recording: RecordingId) -> None:
        """A recording is over."""
        nodes, self._nodes = self._nodes, set()
        if self._room.node is not None:
            nodes.add(self._room.node)
        known = self._over.setdefault(recording, _Over(set(), 0.0))
        known.nodes |= nodes
        known.until = self._room.agenda.now + SAID_AGAIN_FOR
        self.say_over(recording, nodes)

    def say_over(self, recording: RecordingId, nodes: set[NodeId]) -> None:
        """Tell these nodes that a recording is over."""
        for node in sorted(nodes):
            self._room.agenda.effects.append(
                Tell(node, commands.StopRecording(room=self._room.id, recording=recording))
            )

    def say_again(self) -> None:
        """Commands may be lost: say once more who is recorded, and what is over."""
        now = self._room.agenda.now
        self._over = {recording: over for recording, over in self._over.items() if over.until > now}
        for recording, over in self._over.items():
            self.say_over(recording, over.nodes)
        if self._room.life is not None and self._room.life.recording is not None:
            self.begin()
