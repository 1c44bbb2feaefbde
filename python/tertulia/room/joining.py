"""JoinRoom, from the verified token to the seat.

::

    channel heard ─▶ TakingSeat ─▶ (Settling) ─▶ OpeningSession ─▶ Confirming ─▶ what was missed ─▶ the result
                        ▲                             │ the session is closed
                        └──── RereadingRecord ◀── DroppingState

A join of a session that SQL knows to be open skips the middle, and so does one that returns to a seat: the meeting is
on. What fails behind TakingSeat gives the seat up again.

Whoever makes the state of an open session that Redis has lost may have read SQL before somebody was removed, or before
the session ended. So until it was read again (ReadingRemovals, KeepingOut, before Confirming), no join is answered, but
those that return to a seat.
"""

from __future__ import annotations

from typing import Final

from tertulia.errors import RoomFull, Unavailable, UserRemoved
from tertulia.ids import ConnectionId, NodeId, SeatId, SessionId
from tertulia.room import steps
from tertulia.room.answers import Joined, Left, MustWait, Ongoing, RoomRecord, RoomSummary
from tertulia.room.effects import Refuse, Subscribe
from tertulia.room.inputs import Join
from tertulia.room.leaving import Leaver
from tertulia.room.listening import Listening
from tertulia.room.membership import Membership
from tertulia.room.outbox import Outbox
from tertulia.room.participant import resume_hash
from tertulia.room.pending import (
    ClosingStale,
    Confirming,
    DroppingState,
    EndingStale,
    Entering,
    GivingUp,
    KeepingOut,
    OpeningSession,
    ReadingRemovals,
    RereadingRecord,
    Settling,
    TakingSeat,
)
from tertulia.room.permissions import entry_of, is_muted_on_entry
from tertulia.room.quotas import most_in_room, room_is_full
from tertulia.room.room import Channel, Room
from tertulia.room.seat import Joining, Outcome, Source
from tertulia.room.seating import Seating
from tertulia.room.steps import (
    CloseSession,
    End,
    JoinSeat,
    KeepOut,
    Leave,
    OpenSession,
    Placement,
    PrepareJoin,
    ReadSession,
    Summary,
)
from tertulia.room.waiting import WaitingRoom

_TRIES: Final = 5
"""A join that crosses with the end of the meeting begins anew."""

Step = (
    TakingSeat
    | Settling
    | OpeningSession
    | Confirming
    | ReadingRemovals
    | KeepingOut
    | ClosingStale
    | EndingStale
    | DroppingState
    | RereadingRecord
    | GivingUp
)


class Joiner:
    """Any number of JoinRooms, one for each connection."""

    def __init__(
        self,
        room: Room,
        membership: Membership,
        listening: Listening,
        leaver: Leaver,
        waiting: WaitingRoom,
        seating: Seating,
    ) -> None:
        self._room = room
        self._membership = membership
        self._listening = listening
        self._leaver = leaver
        self._waiting = waiting
        self._seating = seating

    # --- the channel comes first: from then on nothing is missed

    def join(self, call: Join) -> None:
        """A JoinRoom begins: what the room says from now on is held for it."""
        joining = Joining(
            connection=call.connection,
            payload=call.payload,
            claims=call.claims,
            record=call.record,
            at=call.at,
            resume="",
            resume_hash="",
            held=Outbox(),
        )
        self._room.seats.joining[call.connection] = joining
        self._room.hold_to(call.claims.tenant_id, call.record.quotas)
        if self._room.channel is Channel.HEARD:
            self._take_seat(joining)
        elif self._room.channel is Channel.UNHEARD:
            self._room.channel = Channel.SUBSCRIBING
            self._room.agenda.effects.append(Subscribe())

    def subscribed(self) -> None:
        """The channel is heard."""
        self._room.channel = Channel.HEARD
        for joining in list(self._room.seats.joining.values()):
            self._take_seat(joining)

    def not_subscribed(self, error: Exception) -> None:
        """The channel cannot be heard."""
        self._room.channel = Channel.UNHEARD
        for joining in list(self._room.seats.joining.values()):
            self._refuse(joining, error)

    # --- the seat in Redis

    def _take_seat(self, joining: Joining) -> None:
        room = self._room
        placement = self._placement(joining)
        reserved = placement.node if joining.record.session_id is None else None
        if reserved is not None:
            room.hub.nodes.reserve(reserved)
        joining.tries += 1
        joining.resume = room.hub.names.token()
        joining.resume_hash = resume_hash(joining.resume)
        joining.is_heard = False
        joining.held = Outbox()
        is_the_host = joining.user_id == joining.record.host_user_id
        step = steps.Join(
            seat=self._seat(joining),
            max_participants=None if is_the_host else most_in_room(joining.record.settings, joining.record.quotas),
            admitted_at_ms=joining.claims.admission.at_ms,
            placement=placement,
            entry=entry_of(joining.record.settings, joining.claims.role, is_the_host),
            tenant=joining.claims.tenant_id,
            people=joining.record.quotas.people,
        )
        room.agenda.run(step, TakingSeat(joining.connection, reserved))

    def took_seat(self, work: TakingSeat, joined: Joined) -> None:
        """Redis has the seat."""
        self._release(work)
        if joined.first_of_session and joined.node is not None:
            self._room.hub.nodes.placed(joined.node, self._room.agenda.now)
        self._settle(work.connection, joined)

    def settled(self, work: Settling, summary: RoomSummary | None) -> None:
        """Two sessions cannot be live at once: the one that Redis does not know has ended; its own message is still on
        the way, or was lost with its state. Nobody knows in which of them was said what is held."""
        joining = self._room.seats.joining[work.connection]
        is_clear = joining.held is not None and not len(joining.held)
        life = self._room.life
        known = [life.session_id] if life is not None else []
        for session_id in (*known, work.joined.session_id):
            if summary is None or session_id != summary.session_id:
                self._membership.ended(session_id, "ended")
        if not is_clear:
            joining.held = None
        self._settle(work.connection, work.joined)

    def _settle(self, connection: ConnectionId, joined: Joined) -> None:
        if self._membership.conflicts(joined.session_id):
            self._room.agenda.run(Summary(), Settling(connection, joined))
        else:
            self._admit(connection, joined)

    def _admit(self, connection: ConnectionId, joined: Joined) -> None:
        """The seat counts as taken. What was said of the room meanwhile can be heard now."""
        joining = self._room.seats.joining[connection]
        joining.joined = joined
        joining.drop_older(Source.ANSWER)
        self._membership.admit(joined, joining.record.settings, joining.is_heard)
        self._listening.replay()
        is_known = joined.session_id == joining.record.session_id and not joined.first_of_session
        if not is_known and joined.resumed:
            self._join_unopened(joining, joined)
        elif not is_known:
            step = OpenSession(session_id=joined.session_id, claims=joining.claims)
            self._room.agenda.run(step, OpeningSession(connection, joined))
        elif joined.session_unread and not joined.resumed:
            self._read_removals(connection, joined)
        else:
            self._seating.begin(joining, joined)

    # --- the session in SQL

    def opened_session(self, work: OpeningSession, is_open: bool) -> None:
        """SQL has the session; False: it has ended since the record was read, and another has to begin."""
        if not is_open:
            self._drop_state(work.connection, work.joined)
        elif work.joined.session_unread:
            self._read_removals(work.connection, work.joined)
        else:
            self._confirm(work.connection, work.joined)

    def _confirm(self, connection: ConnectionId, joined: Joined) -> None:
        self._room.agenda.run(Summary(), Confirming(connection, joined))

    def _drop_state(self, connection: ConnectionId, joined: Joined) -> None:
        end = End(reason="ended", session_id=joined.session_id)
        self._room.agenda.run(end, DroppingState(connection, joined))

    # --- the removals in SQL, of a session whose state was lost

    def _read_removals(self, connection: ConnectionId, joined: Joined) -> None:
        step = ReadSession(session_id=joined.session_id)
        self._room.agenda.run(step, ReadingRemovals(connection, joined))

    def read_removals(self, work: ReadingRemovals, session: Ongoing | None) -> None:
        """SQL says who was removed from the session: who joins may be one of them."""
        room, joining = self._room, self._room.seats.joining[work.connection]
        if session is None:
            self._drop_state(work.connection, work.joined)
            return
        session_id = work.joined.session_id
        removals = room.hub.removals.with_those_of(room.id, session_id, session.removals)
        if removals.get(joining.user_id, -1) >= joining.claims.admission.at_ms:
            self._give_up(joining, UserRemoved(), work.joined.node)
        else:
            step = KeepOut(session_id=session_id, removals=removals)
            room.agenda.run(step, KeepingOut(work.connection, work.joined))

    def kept_out(self, work: KeepingOut) -> None:
        """Redis has the removals again."""
        self._confirm(work.connection, work.joined)

    def _join_unopened(self, joining: Joining, joined: Joined) -> None:
        """The meeting is on, so that others have opened its session, or will: the next sweep asks SQL."""
        life = self._room.life
        if life is not None and life.session_id == joined.session_id:
            life.is_unsure = True
        self._seating.begin(joining, joined)

    def confirmed(self, work: Confirming, summary: RoomSummary | None) -> None:
        """Redis says whether the meeting is still on, now that its session is open."""
        if summary is None or summary.session_id != work.joined.session_id:
            step = CloseSession(session_id=work.joined.session_id)
            self._room.agenda.run(step, ClosingStale(work.connection, work.joined))
        else:
            self._seating.begin(self._room.seats.joining[work.connection], work.joined)

    def closed_stale(self, work: ClosingStale) -> None:
        """SQL has closed the session of a meeting that was over already, unless somebody rejoined it between."""
        end = End(reason="ended", session_id=work.joined.session_id)
        self._room.agenda.run(end, EndingStale(work.connection, work.joined))

    def ended_stale(self, work: EndingStale) -> None:
        """They have been told."""
        self._membership.ended(work.joined.session_id, "ended")
        self._seating.begin(self._room.seats.joining[work.connection], work.joined)

    def dropped_state(self, work: DroppingState) -> None:
        """Redis has forgotten the session that was over."""
        joining = self._room.seats.joining[work.connection]
        self._membership.ended(work.joined.session_id, "ended")
        if joining.tries >= _TRIES or joining.outcome is Outcome.TAKEN:
            self._refuse(joining, Unavailable("the meeting ended while it was joined"))
            return
        joining.joined = None
        self._begin_anew(joining)

    def reread_record(self, work: RereadingRecord, record: RoomRecord) -> None:
        """SQL says what the room is now, and that they may still come."""
        joining = self._room.seats.joining[work.connection]
        joining.record = record
        self._take_seat(joining)

    def _begin_anew(self, joining: Joining) -> None:
        self._room.agenda.run(PrepareJoin(claims=joining.claims), RereadingRecord(joining.connection))

    # --- what did not work

    def failed(self, work: Step, error: Exception) -> None:
        """The step failed; behind the first one a seat is to be given up."""
        joining = self._room.seats.joining[work.connection]
        if isinstance(work, OpeningSession) and isinstance(error, Unavailable) and _may_open_late(work.joined):
            self._join_unopened(joining, work.joined)
        elif isinstance(work, TakingSeat) and isinstance(error, Unavailable) and self._is_new(joining):
            self._release(work)
            self._give_up(joining, error, None)
        elif isinstance(work, TakingSeat):
            self._release(work)
            self._not_taken(joining, error)
        elif isinstance(work, DroppingState | RereadingRecord):
            self._refuse(joining, error)
        elif isinstance(work, GivingUp):
            self._refuse(joining, work.error)
        else:
            self._give_up(joining, error, work.joined.node)

    def _is_new(self, joining: Joining) -> bool:
        """Whether they had no seat. Redis may have given them one all the same, of which they would never hear; who
        returns to a seat, or takes it over, keeps it."""
        member = self._room.members.get(joining.user_id)
        is_known = member is not None and member.connection_id != joining.connection
        return not joining.payload.resume_token and not is_known

    def _give_up(self, joining: Joining, error: Exception, node: NodeId | None) -> None:
        """Free the seat, if Redis has given it, before the client hears of the error."""
        step = Leave(user=joining.user_id, connection=joining.connection, reason="left")
        self._room.agenda.run(step, GivingUp(joining.connection, error, node))

    def _not_taken(self, joining: Joining, error: Exception) -> None:
        if isinstance(error, MustWait):
            self._wait(joining)
        else:
            record = joining.record
            is_full = isinstance(error, RoomFull)
            self._refuse(joining, room_is_full(record.settings, record.quotas) if is_full else error)

    def _wait(self, joining: Joining) -> None:
        if joining.is_admitted:
            joining.is_admitted = False
            self._begin_anew(joining)
            return
        del self._room.seats.joining[joining.connection]
        self._waiting.wait(joining)

    def enter(self, work: Entering) -> None:
        """A host has admitted who had to wait; or they need not wait any more; or that may have been missed."""
        joining = self._room.seats.joining[work.connection]
        joining.tries = 0
        self._begin_anew(joining)

    def gave_up(self, work: GivingUp, left: Left | None) -> None:
        """Redis has freed the seat."""
        if left is not None:
            self._leaver.freed(left.participant, left.remaining, "left", self._room.node or work.node)
        self._refuse(self._room.seats.joining[work.connection], work.error)

    def _refuse(self, joining: Joining, error: Exception) -> None:
        del self._room.seats.joining[joining.connection]
        self._room.agenda.effects.append(Refuse(joining.connection, error))

    def _release(self, work: TakingSeat) -> None:
        if work.reserved is not None:
            self._room.hub.nodes.release(work.reserved)

    # --- what the script is given

    def _seat(self, joining: Joining) -> JoinSeat:
        claims, payload = joining.claims, joining.payload
        return JoinSeat(
            user_id=claims.user_id,
            connection_id=joining.connection,
            display_name=claims.display_name,
            role=claims.role,
            is_muted=bool(payload.is_muted) or is_muted_on_entry(joining.record.settings, claims.role),
            is_video_on=bool(payload.is_video_on),
            hand_raised=bool(payload.hand_raised),
            recording_opt_out=bool(payload.recording_opt_out),
            is_guest=claims.admission.is_guest,
            seat=SeatId(self._room.hub.names.uuid()),
            resume=joining.resume_hash,
            returning=resume_hash(payload.resume_token) if payload.resume_token else None,
        )

    def _placement(self, joining: Joining) -> Placement:
        """Where the room lives if this join makes it. A session still open in SQL goes on, where this hub knows it to
        live: its state was lost."""
        room, record = self._room, joining.record
        goes_on = room.life if room.life is not None and room.life.session_id == record.session_id else None
        region = goes_on.region if goes_on is not None else room.hub.nodes.region(joining.claims.region)
        node = goes_on.node if goes_on is not None else None
        if node is None and record.settings.topology == "sfu":
            node = room.hub.nodes.choose(region, room.agenda.now)
        return Placement(
            region=region,
            node=node,
            session_id=record.session_id or SessionId(room.hub.names.uuid()),
            was_open=record.session_id is not None,
            recording=record.recording,
            incarnation=room.hub.names.token(),
            removals=room.hub.removals.with_those_of(room.id, record.session_id, record.removals),
        )


def _may_open_late(joined: Joined) -> bool:
    return not joined.first_of_session and not joined.session_unread
