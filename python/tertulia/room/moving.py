"""Rooms whose SFU node is dead or drains or gives them up, or that have none yet, get another; nodes are told who is
seated."""

from __future__ import annotations

from tertulia.ids import NodeId, TenantId, transport_id
from tertulia.room import commands, events
from tertulia.room.answers import RoomSummary
from tertulia.room.effects import Tell
from tertulia.room.inputs import OfferUnheard
from tertulia.room.life import Life
from tertulia.room.membership import Membership
from tertulia.room.pending import Following, Moving
from tertulia.room.quotas import Quotas
from tertulia.room.relocation import Relocation
from tertulia.room.room import Room
from tertulia.room.seat import Seated
from tertulia.room.steps import Move, Summary


class Mover:
    """Of several hubs with members in the room, the script lets one move it; the others follow."""

    def __init__(self, room: Room, membership: Membership, relocation: Relocation) -> None:
        self._room = room
        self._membership = membership
        self._relocation = relocation

    def look(self) -> None:
        """The registry of nodes was read: who has not heard of their node by now does, and one that is dead or drains,
        or gives the room up, is left."""
        room, life = self._room, self._room.life
        if life is None or not any(seat.topology == "sfu" for seat in room.seats):
            return
        self._relocation.look()
        room.announce_missing()
        to_node = self._destination(life)
        if room.agenda.is_pending(Moving) or room.agenda.is_pending(Following):
            return
        if to_node is not None and to_node != life.node:
            room.hub.nodes.reserve(to_node)  # many rooms move at once
            room.agenda.run(Move(from_node=life.node, to_node=to_node), Moving(to_node))

    def _destination(self, life: Life) -> NodeId | None:
        """The node that the room is to be on; None: it stays, or there is no other."""
        nodes, room, now = self._room.hub.nodes, self._room.id, self._room.agenda.now
        if life.node is None or nodes.is_dead(life.node, room, now) or nodes.is_draining(life.node):
            return nodes.choose(life.region, now)
        return nodes.given_up(life.node, room)

    def unheard(self, given: OfferUnheard) -> None:
        """No node has heard an offer: its client is told that no answer will come. Whether the node is dead is decided
        by its silence, as where media has stopped: sooner than else."""
        room, seat = self._room, self._room.seats.of(given.connection)
        room.hub.nodes.missed(given.node, room.id, room.agenda.now)
        if isinstance(seat, Seated) and seat.announced == given.node:
            room.audience.tell_seat(seat, events.no_answer(transport_id(seat.seat, given.node)))

    def vouch(self) -> None:
        """Tell the room's node who is seated: it may have been cut off while somebody left."""
        room, life = self._room, self._room.life
        if life is None or life.node is None or not any(seat.topology == "sfu" for seat in room.seats):
            return
        transports = [transport_id(member.seat, life.node) for member in room.members.values()]
        room.agenda.effects.append(Tell(life.node, commands.Seated(room=room.id, transports=transports)))
        room.limit(life.node)

    def hold_to(self, tenant: TenantId, quotas: Quotas) -> None:
        """These quotas of the room's tenant hold from now on: also at the node."""
        room = self._room
        if room.hold_to(tenant, quotas) and room.node is not None:
            room.limit(room.node)

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
