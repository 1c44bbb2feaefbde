"""What a host decides about others and about the room: each call is one script, or one transaction of SQL."""

from __future__ import annotations

from msgspec.structs import replace

from tertulia.contract import calls
from tertulia.contract.settings import Settings
from tertulia.errors import Forbidden, NotJoined, UnknownTarget
from tertulia.ids import ConnectionId, UserId
from tertulia.room import steps, targets
from tertulia.room.answers import StateLost
from tertulia.room.effects import Refuse, Reply
from tertulia.room.gate import Gate
from tertulia.room.messages import SettingsMessage
from tertulia.room.participant import Participant
from tertulia.room.pending import Caller, ChangingSettings, Controlling, OnCall
from tertulia.room.permissions import check_target
from tertulia.room.removing import Remover
from tertulia.room.restoring import Restoring
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated
from tertulia.room.waiting import WaitingRoom

Seat = Seated | Lost


class Hosting:
    """Calls return whether they are answered already; what is refused has changed nothing. What scripts change is shown
    when the channel says it."""

    def __init__(self, room: Room, restoring: Restoring, remover: Remover, gate: Gate, waiting: WaitingRoom) -> None:
        self._room = room
        self._restoring = restoring
        self._remover = remover
        self._gate = gate
        self._waiting = waiting

    # --- about a member

    def lower_hand(self, seat: Seat, payload: calls.LowerHand) -> bool:
        """A hand goes down."""
        member = targets.member(payload.target_user_id, self._room.members)
        return self._control(seat, steps.Control(user=member.user_id, incarnation=self._incarnation, lowers_hand=True))

    def spotlight(self, seat: Seat, payload: calls.Spotlight) -> bool:
        """Show a member large to everyone, or no more."""
        member = targets.member(payload.target_user_id, self._room.members)
        change = steps.Control(user=member.user_id, incarnation=self._incarnation, is_spotlit=payload.on)
        return self._control(seat, change)

    def set_permissions(self, seat: Seat, payload: calls.SetPermissions) -> bool:
        """Say what an attendee may do."""
        member = self._other(seat, payload.target_user_id, "SetPermissions")
        if member.role == "host":
            raise Forbidden("a host may do everything: make them an attendee first")
        change = steps.Control(user=member.user_id, incarnation=self._incarnation, permissions=payload.permissions)
        return self._control(seat, change)

    def set_role(self, seat: Seat, payload: calls.SetRole) -> bool:
        """Make a co-host, or an attendee, for the rest of the meeting."""
        member = self._other(seat, payload.target_user_id, "SetRole")
        if payload.role == "attendee" and seat.user_id != seat.host:
            raise Forbidden("only the room's own host may make a co-host an attendee")
        return self._control(seat, steps.Control(user=member.user_id, incarnation=self._incarnation, role=payload.role))

    def _other(self, seat: Seat, target: str, event: str) -> Participant:
        member = targets.other_member(target, seat.user_id, self._room.members)
        check_target(event, seat.user_id, member.user_id, seat.host)
        return member

    # --- about who waits

    def admit(self, seat: Seat, payload: calls.Admit) -> bool:
        """Let in one who waits, or everyone."""
        if payload.target_user_id is not None:
            users = [self._knocks(payload.target_user_id)]
        else:
            users = [UserId(user) for user in self._waiting.knocks]
        if users:
            self._control(seat, steps.Admit(users=users, incarnation=self._incarnation))
        return not users

    def deny(self, seat: Seat, payload: calls.RemoveParticipant) -> bool:
        """Send one away who waits: their tokens are void for this meeting; with ``ban``, a guest's for good."""
        self._remover.remove(self._knocks(payload.target_user_id), bool(payload.ban), OnCall(seat.connection))
        return False

    def _knocks(self, target: str) -> UserId:
        user = target.lower()
        if user not in self._waiting.knocks:
            raise UnknownTarget("nobody of that id waits to be admitted")
        return UserId(user)

    # --- about the room

    def change_settings(self, seat: Seat, payload: calls.ChangeSettings) -> bool:
        """Change the room's settings."""
        self._room.agenda.run(steps.ChangeSettings(change=payload.settings), ChangingSettings(OnCall(seat.connection)))
        return False

    def changed_settings(self, work: ChangingSettings, settings: Settings) -> None:
        """SQL has them."""
        self.settings_changed(settings, work.caller)

    def change_failed(self, work: ChangingSettings, error: Exception) -> None:
        """SQL is away, or the room is gone."""
        self._room.agenda.refuse(work.caller, error)

    def settings_changed(self, settings: Settings, caller: Caller) -> None:
        """The settings were changed, by a host here or by REST: say so to every hub."""
        self._room.publish(SettingsMessage(origin=self._room.hub.hub))
        self._gate.take(settings)
        self._room.agenda.answer(caller)

    # --- the scripts

    @property
    def _incarnation(self) -> str:
        return self._room.life_of_seats.incarnation

    def _control(self, seat: Seat, step: steps.Control | steps.Admit) -> bool:
        self._room.agenda.run(step, Controlling(seat.connection, step))
        return False

    def controlled(self, work: Controlling) -> None:
        """Redis has it, and the channel says it."""
        self._room.agenda.effects.append(Reply(work.connection))

    def failed(self, work: Controlling, error: Exception) -> None:
        """Redis is away, has lost the room, or the member has left."""
        if not isinstance(error, StateLost):
            self._refuse(work.connection, error)
        elif work.again:
            self._refuse(work.connection, NotJoined("the meeting is over; call JoinRoom"))
        else:
            self._restoring.begin(work.step.incarnation, work)

    def restored(self, work: Controlling, error: Exception | None) -> None:
        """The room was written again: run the script once more."""
        seat = self._room.seats.of(work.connection)
        if error is not None:
            self._refuse(work.connection, error)
        elif seat is None:
            self._refuse(work.connection, NotJoined("the meeting is over; call JoinRoom"))
        else:
            step = replace(work.step, incarnation=self._incarnation)
            self._room.agenda.run(step, replace(work, step=step, again=True))

    def _refuse(self, connection: ConnectionId, error: Exception) -> None:
        self._room.agenda.effects.append(Refuse(connection, error))
