"""Seats that are given up or timed out."""

from __future__ import annotations

from tertulia.contract.fields import LeaveReason
from tertulia.ids import ConnectionId, NodeId
from tertulia.room import answers, events
from tertulia.room.answers import Expired, RoomSummary
from tertulia.room.ending import Ender
from tertulia.room.membership import Membership
from tertulia.room.messages import LeftMessage
from tertulia.room.participant import Participant
from tertulia.room.pending import (
    Caller,
    ClosingPeer,
    Leaving,
    LeavingUnrecorded,
    ReadingWanted,
    Sweeping,
)
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated, Source
from tertulia.room.steps import Expire, FindMember, Leave, Summary


class Leaver:
    """Runs the scripts that free seats, and tells whoever has to know."""

    def __init__(self, room: Room, membership: Membership, ender: Ender) -> None:
        self._room = room
        self._membership = membership
        self._ender = ender

    # --- by the member

    def leave(self, seat: Seated | Lost, reason: LeaveReason, caller: Caller) -> None:
        """Give up a seat. If Redis does not hear it, the seat stays for a call, and times out for a closed socket."""
        step = Leave(user=seat.user_id, connection=seat.connection, reason=reason)
        self._room.agenda.run(step, Leaving(seat.connection, reason, caller, self._room.node))

    def left(self, work: Leaving, left: answers.Left | None) -> None:
        """Redis has freed the seat; None: it knows nothing of it."""
        if left is None:
            self._room.agenda.run(Summary(), LeavingUnrecorded(work.connection, work.reason, work.caller))
            return
        self.freed(left.participant, left.remaining, work.reason, self._room.node or work.node)
        self.forget(work.connection)
        self._room.agenda.answer(work.caller)

    def left_unrecorded(self, work: LeavingUnrecorded, summary: RoomSummary | None) -> None:
        """If Redis lost the whole room, the other hubs still believe in the seat: tell them."""
        room, life = self._room, self._room.life
        seat = room.seats.of(work.connection)
        if life is not None and seat is not None and (summary is None or summary.incarnation != life.incarnation):
            member = room.members.get(seat.user_id)
            if member is not None and member.connection_id == work.connection:
                self._membership.leave_unrecorded(member, work.reason)
        elif seat is not None and room.node is not None:
            room.agenda.run(FindMember(user=seat.user_id), ClosingPeer(seat.seat, room.node))
        self.forget(work.connection)
        room.agenda.answer(work.caller)

    def found_member(self, work: ClosingPeer, member: Participant | None) -> None:
        """Who left has no seat: it was freed by another hub, whose word to the node a last offer may have overtaken."""
        if member is None or member.seat != work.seat:
            self._room.close_peer(work.node, work.seat)

    def member_not_found(self, work: ClosingPeer, error: Exception) -> None:
        """Redis is away: the node finds out by itself that nobody sits there."""
        self._room.agenda.log("a peer may be left on an SFU node for a while", node=work.node, error=str(error))

    def leave_failed(self, work: Leaving | LeavingUnrecorded, error: Exception) -> None:
        """Redis is away."""
        if work.caller is None:
            self._room.agenda.warn("a seat could not be freed and will time out", error=str(error))
            self.forget(work.connection)
        else:
            self._room.agenda.refuse(work.caller, error)

    def forget(self, connection: ConnectionId) -> None:
        """The connection has no seat any more; what Redis says of the seat is for others to see to."""
        seat = self._room.seats.of(connection)
        if seat is not None:
            self._room.stand(seat)

    # --- by the clock

    def sweep(self) -> None:
        """Free the seats of the room that were silent for too long."""
        room = self._room
        if room.life is None or room.agenda.is_pending(Sweeping):
            return
        seat, now = room.hub.settings.seat, room.agenda.now
        self._membership.show(room.life.mirror.doubt(now), Source.ANSWER)
        room.agenda.run(Expire(silent_for_ms=round(seat * 1000)), Sweeping(room.node))
        if any(now - lost.since > 2 * seat for lost in room.seats.lost.values()):
            # It should have timed out: Redis has lost the room, and nobody here calls who would notice.
            room.agenda.resume(ReadingWanted())

    def swept(self, work: Sweeping, expired: Expired | None) -> None:
        """Redis has freed them."""
        if expired is not None:
            for member in expired.participants:
                self.freed(member, expired.remaining, "timeout", self._room.node or work.node)

    def sweep_failed(self, work: Sweeping, error: Exception) -> None:
        """Redis is away; the next sweep will try again."""
        self._room.agenda.warn("silent seats could not be looked for", error=str(error))

    def show_lost(self, connection: ConnectionId) -> None:
        """Tell the others that a member's connection is lost for longer than a blip."""
        seat = self._room.seats.of(connection)
        if isinstance(seat, Lost):
            seat.shown = True
            self._room.say(events.connection_lost(seat.user_id), seat.user_id)

    def freed(self, member: Participant, remaining: int, reason: LeaveReason, node: NodeId | None) -> None:
        """A script of this hub has freed the member's seat."""
        is_here = self._room.seats.holder(member) is not None
        self._membership.changed(LeftMessage.of(member, reason, self._room.hub.hub))
        if not is_here:
            self._room.close_peer(node, member.seat)
        if remaining == 0:
            self._ender.emptied()
