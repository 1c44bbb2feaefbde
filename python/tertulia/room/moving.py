"""Rooms whose SFU node is dead, or that have none yet, get another."""

from __future__ import annotations

from tertulia.room.answers import RoomSummary
from tertulia.room.membership import Membership
from tertulia.room.pending import Following, Moving
from tertulia.room.room import Room
from tertulia.room.steps import Move, Summary


class Mover:
    """Of several hubs with members in the room, the script lets one move it; the others follow."""

    def __init__(self, room: Room, membership: Membership) -> None:
        self._room = room
        self._membership = membership

    def look(self) -> None:
        """The registry of nodes was read: who has not heard of their node by now does, and a dead one is left."""
        room, life, now = self._room, self._room.life, self._room.agenda.now
        if life is None or not any(seat.topology == "sfu" for seat in room.seats):
            return
        is_dead = life.node is None or room.hub.nodes.is_dead(life.node, now)
        room.announce_missing()
        if not is_dead or room.agenda.is_pending(Moving) or room.agenda.is_pending(Following):
            return
        to_node = room.hub.nodes.choose(life.region, now)
        if to_node is not None and to_node != life.node:
            room.hub.nodes.reserve(to_node)  # many rooms move at once
            room.agenda.run(Move(from_node=life.node, to_node=to_node), Moving(to_node))

    def moved(self, work: Moving, is_ours: bool) -> None:
        """Redis has moved the room, unless another was quicker."""
        room, life = self._room, self._room.life
        room.hub.nodes.release(work.to_node)
        if not is_ours:
            room.agenda.run(Summary(), Following())
            return
        room.hub.nodes.placed(work.to_node, room.agenda.now)
        if life is not None:
            self._membership.moved(work.to_node, life.region)
            room.agenda.log("a room moves to another SFU node", node=work.to_node)

    def found(self, summary: RoomSummary | None) -> None:
        """Redis says where the room lives already."""
        life = self._room.life
        if life is not None and summary is not None and summary.session_id == life.session_id:
            self._membership.settled(summary)

    def failed(self, work: Moving | Following, error: Exception) -> None:
        """Redis is away; the next look will try again."""
        if isinstance(work, Moving):
            self._room.hub.nodes.release(work.to_node)
        self._room.agenda.warn("a room could not be moved to another SFU node yet", error=str(error))
