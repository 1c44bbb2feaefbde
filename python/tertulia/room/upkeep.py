"""The calls by which members keep their seats and say how they take part: each is one script on their own entry.

Where Redis has lost the room, it is written again from here, and the script is run once more.
"""

from __future__ import annotations

from msgspec.structs import replace

from tertulia.contract import calls
from tertulia.errors import NotJoined, Unavailable
from tertulia.ids import ConnectionId
from tertulia.room import commands, steps, targets
from tertulia.room.answers import KeptAlive, StateLost
from tertulia.room.effects import Refuse, Reply, Tell
from tertulia.room.gate import Gate
from tertulia.room.leaving import Leaver
from tertulia.room.membership import Membership
from tertulia.room.messages import HandMessage, NameMessage, OptOutMessage, StateMessage
from tertulia.room.pending import KeepingAlive, OptingOut, RaisingHand, Renaming, Updating
from tertulia.room.restoring import Restoring
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated

Seat = Seated | Lost
Work = KeepingAlive | Updating | RaisingHand | Renaming | OptingOut


class Upkeep:
    """KeepAlive, UpdateState, RaiseHand, SetDisplayName, SetRecordingOptOut."""

    def __init__(self, room: Room, membership: Membership, restoring: Restoring, leaver: Leaver, gate: Gate) -> None:
        self._room = room
        self._gate = gate
        self._agenda = room.agenda
        self._membership = membership
        self._restoring = restoring
        self._leaver = leaver

    # --- the calls

    def keep_alive(self, seat: Seat) -> None:
        """Keep the seat, and the state of the room."""
        self._run(seat, KeepingAlive(seat.connection, self._incarnation))

    def update(self, seat: Seat, payload: calls.UpdateState) -> None:
        """Microphone and camera."""
        self._run(seat, Updating(seat.connection, payload, self._incarnation))

    def raise_hand(self, seat: Seat, raised: bool) -> None:
        """The hand goes up or down."""
        self._run(seat, RaisingHand(seat.connection, seat.user_id, raised, self._incarnation))

    def rename(self, seat: Seat, display_name: str) -> None:
        """Another name in this meeting."""
        self._run(seat, Renaming(seat.connection, seat.user_id, display_name, self._incarnation))

    def opt_out(self, seat: Seat, opt_out: bool) -> None:
        """Be left out of recordings, or not."""
        self._run(seat, OptingOut(seat.connection, seat.user_id, opt_out, self._incarnation))

    @property
    def _incarnation(self) -> str:
        return self._room.life_of_seats.incarnation

    def _run(self, seat: Seat, work: Work) -> None:
        self._agenda.run(_step(seat, work), work)

    # --- answers

    def kept_alive(self, work: KeepingAlive, kept: KeptAlive) -> None:
        """Redis has answered a KeepAlive."""
        if kept is KeptAlive.ALIVE:
            self._agenda.effects.append(Reply(work.connection))
        elif kept is KeptAlive.LOST and not work.again:
            self._restoring.begin(work.incarnation, work)
        else:
            self._leaver.forget(work.connection)
            self._refuse(work.connection, NotJoined("the seat timed out; call JoinRoom"))

    def updated(self, work: Updating, message: StateMessage | None) -> None:
        """Redis has the state; None: that changed nothing."""
        if work.is_forced:
            self._gate.silenced(work.connection)
        if message is not None:
            self._membership.changed(message)
        seat = self._room.seats.of(work.connection)
        if seat is not None:
            self._tell_node(seat, work.payload)
            self._gate.keep_to(seat)  # what they may do has perhaps changed meanwhile
        if not work.is_forced:
            self._agenda.effects.append(Reply(work.connection))

    def _tell_node(self, seat: Seat, payload: calls.UpdateState) -> None:
        room = self._room
        said = payload.is_muted, payload.is_video_on
        if room.node is not None and seat.topology == "sfu" and said != (None, None):
            node, transport = targets.transport("sfu", seat.seat, room.node, seat.topology)
            state = commands.State(room=room.id, transport=transport, is_muted=said[0], is_video_on=said[1])
            self._agenda.effects.append(Tell(node, state))

    def hand_raised(self, work: RaisingHand, is_new: bool) -> None:
        """Redis has the hand."""
        if is_new:
            message = HandMessage(origin=self._room.hub.hub, user_id=work.user_id, raised=work.raised)
            self._membership.changed(message)
        self._agenda.effects.append(Reply(work.connection))

    def renamed(self, work: Renaming, is_new: bool) -> None:
        """Redis has the name."""
        if is_new:
            message = NameMessage(origin=self._room.hub.hub, user_id=work.user_id, display_name=work.display_name)
            self._membership.changed(message)
        self._agenda.effects.append(Reply(work.connection))

    def opted_out(self, work: OptingOut, is_new: bool) -> None:
        """Redis knows it."""
        if is_new:
            message = OptOutMessage(origin=self._room.hub.hub, user_id=work.user_id, opt_out=work.opt_out)
            self._membership.changed(message)
        self._agenda.effects.append(Reply(work.connection))

    # --- trouble

    def failed(self, work: Work, error: Exception) -> None:
        """Redis is away, or has lost the room. What the room's rules ask for is asked for again at the next sweep."""
        if isinstance(work, Updating) and work.is_forced:
            self._gate.silenced(work.connection)
            return
        if not isinstance(error, StateLost):
            self._not_done(work, error)
        elif work.again:
            self._refuse(work.connection, NotJoined("the meeting is over; call JoinRoom"))
        else:
            self._restoring.begin(work.incarnation, work)

    def restored(self, work: Work, error: Exception | None) -> None:
        """The room was written again: run the script once more."""
        seat = self._room.seats.of(work.connection)
        if error is not None:
            self._not_done(work, error)
        elif seat is None:
            self._refuse(work.connection, NotJoined("the meeting is over; call JoinRoom"))
        else:
            self._run(seat, replace(work, incarnation=self._incarnation, again=True))

    def _not_done(self, work: Work, error: Exception) -> None:
        """Redis or SQL does not answer. The seat is kept here meanwhile, and clients give up connections over which
        KeepAlive fails."""
        if isinstance(work, KeepingAlive) and isinstance(error, Unavailable):
            self._agenda.effects.append(Reply(work.connection))
        else:
            self._refuse(work.connection, error)

    def _refuse(self, connection: ConnectionId, error: Exception) -> None:
        self._agenda.effects.append(Refuse(connection, error))


def _step(seat: Seat, work: Work) -> steps.Script:
    user, connection, incarnation = seat.user_id, seat.connection, work.incarnation
    if isinstance(work, KeepingAlive):
        return steps.KeepAlive(user=user, connection=connection, incarnation=incarnation)
    if isinstance(work, RaisingHand):
        return steps.RaiseHand(user=user, connection=connection, incarnation=incarnation, raised=work.raised)
    if isinstance(work, Renaming):
        name = work.display_name
        return steps.SetDisplayName(user=user, connection=connection, incarnation=incarnation, display_name=name)
    if isinstance(work, OptingOut):
        return steps.SetRecordingOptOut(user=user, connection=connection, incarnation=incarnation, opt_out=work.opt_out)
    return steps.Update(
        user=user,
        connection=connection,
        incarnation=incarnation,
        is_muted=work.payload.is_muted,
        is_video_on=work.payload.is_video_on,
    )
