"""What the room's channel says, and what follows from it."""

from __future__ import annotations

import contextlib
from typing import Final

import msgspec

from tertulia.contract.events import RecordingTrouble
from tertulia.ids import NodeId, SessionId
from tertulia.room import events
from tertulia.room.events import Event
from tertulia.room.gate import Gate
from tertulia.room.membership import Membership
from tertulia.room.messages import (
    AdmittedMessage,
    DeniedMessage,
    EndedMessage,
    EventMessage,
    HandoverMessage,
    JoinedMessage,
    LeftMessage,
    NodeMessage,
    RecordingMessage,
    RoomMessage,
    SettingsMessage,
    WaitingMessage,
)
from tertulia.room.mirror import MemberMessage
from tertulia.room.missed import Backlog
from tertulia.room.pending import Marked, ReadingWanted
from tertulia.room.recording import Recorder
from tertulia.room.relocation import Relocation
from tertulia.room.room import Room
from tertulia.room.seat import Source
from tertulia.room.waiting import WaitingRoom


class Listening:
    """Messages count at once, or wait until the room is known and read (:mod:`tertulia.room.hearing`)."""

    def __init__(
        self,
        room: Room,
        membership: Membership,
        recorder: Recorder,
        relocation: Relocation,
        gate: Gate,
        waiting: WaitingRoom,
    ) -> None:
        self._room = room
        self._gate = gate
        self._waiting = waiting
        self._membership = membership
        self._recorder = recorder
        self._relocation = relocation

    def hear(self, message: RoomMessage) -> None:
        """The channel said this."""
        hearing = self._room.hearing
        if self._is_heard_at_once(message):
            return
        if self._room.life is not None and not hearing.is_reading:
            self._handle(message)
            return
        was_marked = hearing.is_marked
        hearing.keep(message)
        if hearing.is_marked and not was_marked:
            self._room.agenda.resume(Marked())
        if hearing.overflowed and self._room.life is not None:
            self._room.agenda.resume(ReadingWanted())

    def _is_heard_at_once(self, message: RoomMessage) -> bool:
        """What is not about the members counts whatever is known of them. Where somebody only waits to be admitted,
        nothing else is of use."""
        waiting, room = self._waiting, self._room
        if isinstance(message, SettingsMessage):
            self._gate.read()
        elif isinstance(message, WaitingMessage):
            waiting.heard(message)
        elif isinstance(message, AdmittedMessage):
            waiting.admitted(message.user_ids)
        elif isinstance(message, DeniedMessage):
            waiting.denied(message.user_id)
        else:
            if isinstance(message, EndedMessage):
                waiting.ended(message.reason)
            elif isinstance(message, JoinedMessage) and message.participant.role == "host":
                waiting.say()
            return room.life is None and not room.seats.joining
        return True

    def replay(self) -> None:
        """Handle what has waited, if it need not wait any more."""
        room = self._room
        if room.life is None or room.hearing.is_reading:
            return
        for message in room.hearing.take():
            self._handle(message)
            if self._is_over():
                break

    def _note_join(self, message: JoinedMessage) -> None:
        """The channel has come to a JoinRoom that is under way here: what it said before is not for that connection."""
        joining = self._room.seats.joining.get(message.participant.connection_id)
        if joining is not None and message.participant.resume == joining.resume_hash:
            joining.is_heard = True
            joining.drop_older(Source.CHANNEL)

    def _is_older(self, message: RoomMessage) -> bool:
        """Whether this was said before what is known of the room was read."""
        life = self._room.life
        if life is None or life.since is None:
            return False
        if isinstance(message, JoinedMessage) and message.participant.resume == life.since:
            life.since = None
            return False
        return True

    def _is_over(self) -> bool:
        return self._room.life is None

    def _handle(self, message: RoomMessage) -> None:
        membership = self._membership
        if isinstance(message, JoinedMessage):
            self._note_join(message)
        if self._is_older(message) and not isinstance(message, EndedMessage):
            return
        if isinstance(message, EventMessage):
            if message.origin == self._room.hub.hub:
                self._echo(message)
            else:
                self._relay(message)
        elif isinstance(message, MemberMessage):
            self._note_removal(message)
            membership.heard(message)
        elif isinstance(message, EndedMessage):
            membership.ended(SessionId(message.session_id), message.reason)
        elif isinstance(message, RecordingMessage):
            self._recorded(message)
        elif isinstance(message, NodeMessage):
            membership.moved(message.sfu_node, message.sfu_region)
        elif isinstance(message, HandoverMessage):
            membership.handed_over(message.connection_id, _backlog(message))

    def _note_removal(self, message: MemberMessage) -> None:
        room = self._room
        if isinstance(message, LeftMessage) and message.at_ms is not None and room.life is not None:
            room.hub.removals.add(room.id, room.life.session_id, message.user_id, message.at_ms)

    def _recorded(self, message: RecordingMessage) -> None:
        life = self._room.life
        if life is not None and message.session_id == life.session_id:
            self._membership.recorded(message.recording_id)

    def _echo(self, message: EventMessage) -> None:
        """This hub's own: its members have been told."""
        payload = bytes(message.payload)
        self._room.unsaid.hear(message.event, payload)
        for joining in self._room.seats.joining.values():
            if not joining.is_heard:
                joining.hear_echo(message.event, payload)

    def _relay(self, message: EventMessage) -> None:
        """Tell the members on this hub what another hub or an SFU node has to say."""
        if not self._relocation.admits(message):
            return
        event = events.relayed(message)
        if message.event in _CONNECTION and not self._membership.relayed_connection(event):
            return
        if message.to is None:
            self._room.audience.broadcast(event, message.exclude, Source.CHANNEL)
        else:
            self._room.audience.tell(message.to, event, message.seat, Source.CHANNEL)
        if message.event == "RecordingTrouble":
            self._trouble(message)

    def _trouble(self, message: EventMessage) -> None:
        """A node cannot write a recording. A reason of which only a newer version knows is told to people alone."""
        with contextlib.suppress(msgspec.ValidationError):
            trouble = msgspec.json.decode(message.payload, type=RecordingTrouble)
            self._recorder.in_trouble(NodeId(message.origin), trouble)


_CONNECTION: Final = frozenset({"ConnectionLost", "ConnectionBack"})


def _backlog(message: HandoverMessage) -> Backlog:
    return Backlog(
        first=message.first,
        events=[Event(name, payload) for name, payload in message.frames],
        lost_at=message.lost_at,
        in_doubt=message.in_doubt,
        unsaid=message.unsaid,
    )
