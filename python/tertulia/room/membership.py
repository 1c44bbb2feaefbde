"""What happens to a room and who is in it: kept in the mirror, and shown to the members of this hub."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Raw

from tertulia.contract.fields import LeaveReason
from tertulia.contract.settings import Settings
from tertulia.ids import ConnectionId, NodeId, RecordingId, SessionId, UserId
from tertulia.room import events
from tertulia.room.answers import Joined, Restored, RoomSummary
from tertulia.room.closing import ENDED, REMOVED, REPLACED
from tertulia.room.effects import LetGo
from tertulia.room.events import Event
from tertulia.room.gate import Gate
from tertulia.room.life import Life
from tertulia.room.messages import HandoverMessage, JoinedMessage, LeftMessage
from tertulia.room.mirror import (
    Came,
    Changed,
    Controlled,
    Hand,
    MemberMessage,
    Mirror,
    OptedOut,
    Renamed,
    Shown,
    Superseded,
    Went,
)
from tertulia.room.missed import Backlog
from tertulia.room.outbox import Outbox
from tertulia.room.participant import Participant
from tertulia.room.pending import HandedOver, ReadingWanted, Stopping
from tertulia.room.relocation import Relocation
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Outcome, Seated, Source
from tertulia.room.steps import StopRecording
from tertulia.room.tap import Tap
from tertulia.room.waiting import WaitingRoom


class Membership:
    """Every change of a room passes here, whoever made it."""

    def __init__(self, room: Room, tap: Tap, relocation: Relocation, gate: Gate, waiting: WaitingRoom) -> None:
        self._room = room
        self._gate = gate
        self._waiting = waiting
        self._tap = tap
        self._relocation = relocation
        self._over: deque[SessionId] = deque(maxlen=8)
        """Sessions known to have ended, for JoinRooms that cross with the end."""
        self._lost: set[str] = set()
        """Members on other hubs who were shown as lost."""
        self._back: set[str] = set()
        """Those of them who were shown as back before their hub said so, which may be dead."""

    # --- who is in the room

    def admit(self, joined: Joined, settings: Settings, is_heard: bool) -> None:
        """Redis' answer to a JoinRoom of this hub. Its session is this room's, if that has one (:meth:`conflicts`).

        Of no effect if that session has ended since. ``settings``: the room's, as read before. ``is_heard``: the
        channel has said this join already.
        """
        room = self._room
        if self.is_over(joined.session_id):
            return
        message = JoinedMessage(
            origin=room.hub.hub,
            user_id=joined.participant.user_id,
            participant=joined.participant,
            replaced=joined.replaced,
            resumed=joined.resumed,
        )
        if room.life is None:
            room.begin(_begun(joined, settings))
            self._lost.clear()
            self._back.clear()
            if is_heard or room.hearing.overflowed:
                room.agenda.resume(ReadingWanted())  # what was said since then counted for another session, or is gone
        elif room.life.incarnation != joined.incarnation:
            # The state was lost, and this join made it again: the others have to be written too.
            room.agenda.resume(ReadingWanted())
        self._gate.seen(settings)
        self.changed(message)
        if not is_heard:
            self._meet(joined)

    def _meet(self, joined: Joined) -> None:
        """Those whom the join script saw and of whom this hub has not heard yet: the channel is not so far. Who is
        listed as a member of this hub may have gone to another one since."""
        room = self._room
        if room.life is not None:
            unheard = [m for m in joined.others if m.user_id not in room.life.mirror.members]
            self.show(room.life.mirror.meet(unheard), Source.ANSWER)

    def changed(self, message: MemberMessage) -> None:
        """A script of this hub changed the membership: its answer, as the message that it published."""
        life = self._room.life
        if life is not None:
            self.show(life.mirror.own(message), Source.ANSWER)

    def heard(self, message: MemberMessage) -> None:
        """The channel told of a change of the membership."""
        life = self._room.life
        if life is not None:
            own = message.origin == self._room.hub.hub
            self.show(life.mirror.heard(message, own), Source.CHANNEL)

    def leave_unrecorded(self, member: Participant, reason: LeaveReason) -> None:
        """A member of this hub leaves, or was removed from, a room that Redis has lost: no script will tell the other
        hubs."""
        message = LeftMessage.of(member, reason, self._room.hub.hub)
        self._room.publish(message)
        self.changed(message)

    def replace_missing(self, displaced: Iterable[Participant]) -> None:
        """Other connections turned out to sit where this hub's members sat."""
        for new in displaced:
            life = self._room.life
            if life is not None:
                message = JoinedMessage(origin="", user_id=new.user_id, participant=new)
                self.show(life.mirror.heard(message, own=False), Source.ANSWER)

    def remove_missing(self, removed: Iterable[UserId]) -> None:
        """Members of this hub turned out to have been removed, which Redis forgot with the room."""
        for user in removed:
            member = self._room.members.get(user)
            if member is not None and member.hub == self._room.hub.hub:
                self.leave_unrecorded(member, "removed")

    def handed_over(self, connection: ConnectionId, backlog: Backlog) -> None:
        """Another hub has handed over what it kept for the client that returns, if that is joining here."""
        joining = self._room.seats.joining.get(connection)
        if joining is not None and joining.handed_over is None:
            joining.handed_over = backlog
            self._room.agenda.resume(HandedOver(connection))

    # --- the room itself

    def conflicts(self, session_id: SessionId) -> bool:
        """Whether one of the two, this room's session and that one, has ended without this hub having heard of it."""
        life = self._room.life
        return life is not None and life.session_id != session_id and not self.is_over(session_id)

    def is_over(self, session_id: SessionId) -> bool:
        """Whether a session has ended already, as far as this hub has heard."""
        return session_id in self._over

    def ended(self, session_id: SessionId, reason: str) -> None:
        """The meeting of this session is over: everyone in it is told and let go."""
        room = self._room
        if session_id not in self._over:
            self._over.append(session_id)
        if room.life is None or room.life.session_id != session_id:
            return
        if (recording := room.life.recording) is not None:
            self._tap.end(recording)
            # The nodes take that for its end. If whoever ended the meeting dies before SQL knows, it must not go on.
            stopping = Stopping(recording=recording, caller=None, by="the end of the meeting")
            room.agenda.run(StopRecording(recording=recording), stopping)
        told = events.room_ended(reason)
        for seat in room.seats:
            room.stand(seat)
            room.close_peer(room.node, seat.seat)  # whoever ended it does so too, but an offer may come behind that
            room.agenda.effects.append(LetGo(seat.connection, told, ENDED))
        for joining in room.seats.joining.values():
            joining.held = Outbox()  # it was said in the meeting that is over
        room.forget()

    def recorded(self, recording: RecordingId | None) -> None:
        """This recording goes on from now on, or none: as the channel says it, or a reading that knows its place in
        the channel. What is known otherwise may be older than what the channel has said."""
        life = self._room.life
        if life is None or recording == life.recording:
            return
        before, life.recording = life.recording, recording
        if before is not None:
            self._tap.end(before)
        self._room.audience.broadcast(events.recording_changed(recording), None, Source.CHANNEL)
        if recording is not None:
            self._tap.begin()

    def moved(self, node: NodeId, region: str) -> None:
        """The room lives on another SFU node now."""
        life = self._room.life
        if life is not None:
            life.region = region
            if node != life.node:
                old, life.node = life.node, node
                self._room.announce_missing()
                self._relocation.begin(old)

    def settled(self, found: RoomSummary | Restored) -> None:
        """Redis was asked where the room lives."""
        if found.node is not None:
            self.moved(found.node, found.region)

    # --- what the members of this hub see of it

    def show(self, shown: Iterable[Shown], source: Source) -> None:
        """Tell the others; let go who has no seat any more."""
        audience = self._room.audience
        for one in shown:
            if isinstance(one, Came):
                audience.broadcast(events.participant_joined(one.participant), one.participant.user_id, source)
            elif isinstance(one, Superseded):
                self._superseded(one)
            elif isinstance(one, Went):
                self._went(one, source)
            elif isinstance(one, Changed):
                audience.broadcast(events.state_changed(one.participant), None, source)
            elif isinstance(one, Hand):
                audience.broadcast(events.hand_raised(one.participant), None, source)
            elif isinstance(one, Renamed):
                self._renamed(one.participant, source)
            elif isinstance(one, OptedOut):
                self._opted_out(one, source)
            elif isinstance(one, Controlled):
                self._controlled(one.participant, source)

    def relayed_connection(self, event: Event) -> bool:
        """Another hub says that a member's connection is lost, or back. Whether that is to be told here."""
        user: str = event.value()["userId"]
        is_known = user in self._back
        self._back.discard(user)
        if event.name == "ConnectionLost":
            self._lost.add(user)
            return True
        self._lost.discard(user)
        return not is_known

    def _renamed(self, member: Participant, source: Source) -> None:
        """The node is told, too: it writes down who is recorded."""
        self._room.audience.broadcast(events.display_name_changed(member), None, source)
        seat = self._room.seats.holder(member)
        if seat is not None:
            self._tap.mark(seat)

    def _opted_out(self, one: OptedOut, source: Source) -> None:
        """Out at once; in when everyone has been told."""
        seat, life = self._room.seats.holder(one.participant), self._room.life
        is_recording = life is not None and life.recording is not None
        if seat is not None and is_recording and one.participant.recording_opt_out:
            self._tap.mark(seat)
        self._room.audience.broadcast(events.opt_out_changed(one.participant), None, source)
        if seat is not None and is_recording and not one.participant.recording_opt_out:
            self._tap.mark(seat)

    def _controlled(self, member: Participant, source: Source) -> None:
        self._room.audience.broadcast(events.participant_changed(member), None, source)
        seat = self._room.seats.holder(member)
        if seat is None:
            return
        becomes_host = member.role == "host" and seat.role != "host"
        seat.role = member.role
        self._gate.keep_to(seat)
        if becomes_host:
            self._waiting.show_all(seat)

    def _superseded(self, one: Superseded) -> None:
        room = self._room
        seat = room.seats.holder(one.old)
        if one.new.user_id in self._lost:
            self._lost.discard(one.new.user_id)
            self._back.add(one.new.user_id)
            room.audience.broadcast(events.connection_back(one.new.user_id), one.new.user_id, Source.CHANNEL)
        if seat is None:
            if self._take_from_joining(one.old):
                if not one.resumed:
                    room.close_peer(room.node, one.old.seat)  # it may have returned to a seat with a peer
                room.agenda.effects.append(LetGo(one.old.connection_id, events.replaced(), REPLACED))
            return
        room.stand(seat)
        if one.resumed:
            self._return(seat, one.new.connection_id)  # first: it is told nothing more by that seat
        else:
            room.close_peer(room.node, seat.seat)  # by its own hub, behind the last command of that seat
        if isinstance(seat, Lost) and seat.shown:
            room.say(events.connection_back(one.new.user_id), one.new.user_id)
        room.agenda.effects.append(LetGo(seat.connection, events.replaced(), REPLACED))

    def _return(self, seat: Seated | Lost, connection: ConnectionId) -> None:
        """The client of a seat that was held here has returned by another connection, on this hub or elsewhere."""
        backlog = self._room.audience.backlog(seat)
        joining = self._room.seats.joining.get(connection)
        if joining is not None:
            joining.succeed(backlog)
            self._room.agenda.resume(HandedOver(connection))
        else:
            self._hand_over(connection, backlog)

    def _hand_over(self, connection: ConnectionId, backlog: Backlog) -> None:
        life = self._room.life
        untold = life.mirror.untold() if life is not None else []
        message = HandoverMessage(
            origin=self._room.hub.hub,
            connection_id=connection,
            first=backlog.first,
            frames=[(event.name, Raw(event.json())) for event in backlog.events],
            lost_at=backlog.lost_at,
            in_doubt=backlog.in_doubt,
            unsaid=self._room.unsaid.among(backlog.events, untold),
        )
        self._room.publish(message)

    def _went(self, one: Went, source: Source) -> None:
        room, member = self._room, one.participant
        self._lost.discard(member.user_id)
        seat = room.seats.holder(member)
        if seat is not None:
            room.stand(seat)
            room.close_peer(room.node, seat.seat)
        if (seat is not None or self._take_from_joining(member)) and one.reason == "removed":
            room.agenda.effects.append(LetGo(member.connection_id, events.removed(), REMOVED))
        room.audience.broadcast(events.participant_left(one), member.user_id, source)

    def _take_from_joining(self, member: Participant) -> bool:
        """The member's JoinRoom is not answered yet, and has lost its seat; False: there is none."""
        joining = self._room.seats.joining.get(member.connection_id)
        if joining is None:
            return False
        joining.outcome = Outcome.TAKEN
        return True


def _begun(joined: Joined, settings: Settings) -> Life:
    """The meeting as the join script found it, before its own change."""
    others = joined.others if joined.replaced is None else [*joined.others, joined.replaced]
    return Life(
        mirror=Mirror(others),
        settings=settings,
        session_id=joined.session_id,
        incarnation=joined.incarnation,
        region=joined.region,
        node=joined.node,
        recording=joined.recording,
        since=joined.participant.resume,
    )
