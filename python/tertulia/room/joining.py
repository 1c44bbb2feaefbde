"""JoinRoom, from the verified token to the seat.

::

    channel heard ─▶ TakingSeat ─▶ (Settling) ─▶ OpeningSession ─▶ Confirming ─▶ what was missed ─▶ the result
                        ▲                             │ the session is closed
                        └──── RereadingRecord ◀── DroppingState

A join of a session that SQL knows to be open skips the middle. What fails behind TakingSeat gives the seat up again.

Whoever makes the state of an open session that Redis has lost may have read SQL before somebody was removed, or before
the session ended. So until it was read again (ReadingRemovals, KeepingOut, before Confirming), no join is answered, but
those that return to a seat.
"""

from __future__ import annotations

import hashlib
from typing import Final

from tertulia.contract.calls import Permissions
from tertulia.contract.events import JoinResult
from tertulia.errors import BadToken, RoomFull, TertuliaError, Unavailable
from tertulia.ids import ConnectionId, NodeId, SeatId, SessionId
from tertulia.room import events, steps
from tertulia.room.answers import Joined, Left, MustWait, Ongoing, RoomRecord, RoomSummary
from tertulia.room.closing import ENDED
from tertulia.room.effects import LetGo, Refuse, Reply, Returned, Sat, Subscribe
from tertulia.room.ending import Ender
from tertulia.room.gate import Gate
from tertulia.room.inputs import Join
from tertulia.room.leaving import Leaver
from tertulia.room.listening import Listening
from tertulia.room.membership import Membership
from tertulia.room.missed import NOTHING_KEPT, Backlog, without_gone
from tertulia.room.outbox import Outbox
from tertulia.room.participant import Participant
from tertulia.room.pending import (
    ClosingStale,
    Confirming,
    DroppingState,
    Ending,
    EndingStale,
    Entering,
    GivingUp,
    HandedOver,
    KeepingOut,
    OpeningLate,
    OpeningSession,
    ReadingRemovals,
    RereadingRecord,
    Settling,
    TakingSeat,
)
from tertulia.room.permissions import check_role, entry_of, is_muted_on_entry
from tertulia.room.quotas import most_in_room, room_is_full
from tertulia.room.removals import VOID
from tertulia.room.room import Channel, Room
from tertulia.room.seat import Joining, Lost, Outcome, Seated, Source
from tertulia.room.steps import (
    CloseSession,
    End,
    JoinSeat,
    KeepOut,
    Leave,
    OpenSession,
    Placement,
    ReadRecord,
    ReadSession,
    Summary,
)
from tertulia.room.tap import Tap
from tertulia.room.timers import Blip, Handover
from tertulia.room.waiting import WaitingRoom

_TRIES: Final = 3
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
        ender: Ender,
        tap: Tap,
        gate: Gate,
        waiting: WaitingRoom,
    ) -> None:
        self._room = room
        self._gate = gate
        self._waiting = waiting
        self._tap = tap
        self._membership = membership
        self._listening = listening
        self._leaver = leaver
        self._ender = ender

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
        if not self._is_admitted(joining):
            return
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

    def _is_admitted(self, joining: Joining) -> bool:
        claims, record = joining.claims, joining.record
        try:
            check_role(record.settings, claims.role, claims.user_id == record.host_user_id)
        except TertuliaError as e:
            self._refuse(joining, e)
            return False
        return True

    def _take_seat(self, joining: Joining) -> None:
        room = self._room
        placement = self._placement(joining)
        reserved = placement.node if joining.record.session_id is None else None
        if reserved is not None:
            room.hub.nodes.reserve(reserved)
        joining.tries += 1
        joining.resume = room.hub.names.token()
        joining.resume_hash = _digest(joining.resume)
        joining.is_heard = False
        joining.held = Outbox()
        is_the_host = joining.user_id == joining.record.host_user_id
        step = steps.Join(
            seat=self._seat(joining),
            max_participants=None if is_the_host else most_in_room(joining.record.settings, joining.record.quotas),
            admitted_at_ms=joining.claims.admission.at_ms,
            placement=placement,
            entry=entry_of(joining.record.settings, joining.claims.role),
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
        if joined.first_of_session or joined.session_id != joining.record.session_id:
            step = OpenSession(session_id=joined.session_id)
            self._room.agenda.run(step, OpeningSession(connection, joined))
        elif joined.session_unread and not joined.resumed:
            self._read_removals(connection, joined)
        else:
            self._await_missed(joining, joined)

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
            self._give_up(joining, BadToken(VOID), work.joined.node)
        else:
            step = KeepOut(session_id=session_id, removals=removals)
            room.agenda.run(step, KeepingOut(work.connection, work.joined))

    def kept_out(self, work: KeepingOut) -> None:
        """Redis has the removals again."""
        self._confirm(work.connection, work.joined)

    def _join_unopened(self, joining: Joining, joined: Joined) -> None:
        """SQL is away. The meeting is on, so that others have opened its session, or will."""
        life = self._room.life
        if life is not None and life.session_id == joined.session_id:
            life.is_unopened = True
        self._await_missed(joining, joined)

    def open_late(self) -> None:
        """SQL may be back: open the session of a meeting that was joined without it."""
        room, life = self._room, self._room.life
        if life is not None and life.is_unopened and not room.agenda.is_pending(OpeningLate):
            room.agenda.run(OpenSession(session_id=life.session_id), OpeningLate(life.session_id))

    def opened_late(self, work: OpeningLate, is_open: bool) -> None:
        """SQL is back, and has the session; False: it had ended before."""
        life = self._room.life
        if life is None or life.session_id != work.session_id:
            return
        life.is_unopened = False
        if not is_open:
            self._ender.begin(Ending(reason="ended", session_id=work.session_id))

    def late_failed(self, work: OpeningLate, error: Exception) -> None:
        """It is still away: the next sweep tries again."""
        self._room.agenda.warn("a session could not be opened in the database yet", error=str(error))

    def confirmed(self, work: Confirming, summary: RoomSummary | None) -> None:
        """Redis says whether the meeting is still on, now that its session is open."""
        if summary is None or summary.session_id != work.joined.session_id:
            step = CloseSession(session_id=work.joined.session_id)
            self._room.agenda.run(step, ClosingStale(work.connection, work.joined))
        else:
            self._await_missed(self._room.seats.joining[work.connection], work.joined)

    def closed_stale(self, work: ClosingStale) -> None:
        """SQL has closed the session of a meeting that was over already, unless somebody rejoined it between."""
        end = End(reason="ended", session_id=work.joined.session_id)
        self._room.agenda.run(end, EndingStale(work.connection, work.joined))

    def ended_stale(self, work: EndingStale) -> None:
        """They have been told."""
        self._membership.ended(work.joined.session_id, "ended")
        self._await_missed(self._room.seats.joining[work.connection], work.joined)

    def dropped_state(self, work: DroppingState) -> None:
        """Redis has forgotten the session that was over."""
        joining = self._room.seats.joining[work.connection]
        self._membership.ended(work.joined.session_id, "ended")
        if joining.tries >= _TRIES or joining.outcome is Outcome.TAKEN:
            self._refuse(joining, Unavailable("the meeting ended while it was joined"))
            return
        joining.joined = None
        step = ReadRecord(tenant=joining.claims.tenant_id)
        self._room.agenda.run(step, RereadingRecord(work.connection))

    def reread_record(self, work: RereadingRecord, record: RoomRecord) -> None:
        """SQL says what the room is now."""
        joining = self._room.seats.joining[work.connection]
        joining.record = record
        if self._is_admitted(joining):
            self._take_seat(joining)

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
            del self._room.seats.joining[joining.connection]
            self._waiting.wait(joining)
        else:
            record = joining.record
            is_full = isinstance(error, RoomFull)
            self._refuse(joining, room_is_full(record.settings, record.quotas) if is_full else error)

    def enter(self, work: Entering) -> None:
        """A host has admitted who had to wait; or they need not wait any more."""
        joining = self._room.seats.joining[work.connection]
        joining.tries = 0
        step = ReadRecord(tenant=joining.claims.tenant_id)
        self._room.agenda.run(step, RereadingRecord(work.connection))

    def gave_up(self, work: GivingUp, left: Left | None) -> None:
        """Redis has freed the seat."""
        if left is not None:
            self._leaver.freed(left.participant, left.remaining, "left", self._room.node or work.node)
        self._refuse(self._room.seats.joining[work.connection], work.error)

    def _refuse(self, joining: Joining, error: Exception) -> None:
        del self._room.seats.joining[joining.connection]
        self._room.agenda.effects.append(Refuse(joining.connection, error))

    # --- what a returning client has missed

    def _await_missed(self, joining: Joining, joined: Joined) -> None:
        """It comes from the hub that held the lost connection: from this one it is here already, if at all."""
        room = self._room
        if not joined.resumed or joined.replaced is None:
            self._finish(joining, joined, None)
        elif joining.handed_over is not None:
            self._finish(joining, joined, joining.handed_over)
        elif joined.replaced.hub == room.hub.hub:
            self._finish(joining, joined, NOTHING_KEPT)
        else:
            at = room.agenda.now + room.hub.settings.handover
            room.agenda.set_timer(Handover(joining.connection), at)

    def handed_over(self, work: HandedOver) -> None:
        """It has come."""
        timer = Handover(work.connection)
        joining = self._room.seats.joining.get(work.connection)
        if timer in self._room.agenda.timers and joining is not None and joining.joined is not None:
            self._room.agenda.cancel_timer(timer)
            self._finish(joining, joining.joined, joining.handed_over)

    def handover_overdue(self, timer: Handover) -> None:
        """It has not come in time."""
        joining = self._room.seats.joining[timer.connection]
        if joining.joined is not None:
            self._finish(joining, joining.joined, NOTHING_KEPT)

    # --- the result

    def _finish(self, joining: Joining, joined: Joined, backlog: Backlog | None) -> None:
        """Answer, and sit down in the same turn. ``backlog``: the client returns, and this was kept for it."""
        room = self._room
        self._ender.rejoined()
        if joined.replaced is not None and not joined.resumed and joined.replaced.hub != room.hub.hub:
            room.close_peer(room.node, joined.replaced.seat)
        others = self._others(joined)
        del self._room.seats.joining[joining.connection]
        following, some_lost = self._held_for(joining, joined)
        if backlog is not None:
            missed, some_missed = backlog.after(joining.payload.received)
            some_lost = some_lost or some_missed
            following = missed + backlog.without_overlap(following)
            room.agenda.effects.append(Returned(some_lost))
        recording = room.life.recording if room.life is not None else None
        me = self._newest(joined.participant)
        result = JoinResult(
            user_id=joining.user_id,
            role=me.role,
            display_name=me.display_name,
            is_muted=me.is_muted,
            is_video_on=me.is_video_on,
            is_spotlit=me.is_spotlit,
            permissions=None if me.permissions == Permissions() else me.permissions,
            settings=room.life.settings if room.life is not None else joining.record.settings,
            waiting=list(self._waiting.knocks.values()) if me.role == "host" else [],
            participants=[other.view() for other in others],
            resume_token=joining.resume,
            keep_alive_seconds=room.hub.settings.keep_alive_seconds,
            missed=some_lost,
            topology=joining.record.settings.topology,
            is_recording=recording is not None,
            recording_id=recording,
        )
        room.agenda.effects.append(Reply(joining.connection, result))
        self._sit_down(joining, joined, following)

    def _held_for(self, joining: Joining, joined: Joined) -> tuple[list[events.Event], bool]:
        """What the room said since the join, and whether some of it was too much to be held."""
        if not joining.is_heard:
            joining.drop_older(Source.CHANNEL)
        if joining.handed_over is not None:
            joining.drop_older(Source.ECHO)
        held, all_held = joining.take_held()
        following = [h.event for h in held if h.seat in (None, joined.participant.seat)]
        return without_gone(following, self._room.members), not all_held

    def _others(self, joined: Joined) -> list[Participant]:
        """The list for the result: from here on, what the room is told brings it up to date."""
        return [m for m in self._room.members.values() if m.user_id != joined.participant.user_id]

    def _newest(self, joined: Participant) -> Participant:
        """What has been said of them since the script answered counts."""
        known = self._room.members.get(joined.user_id)
        return known if known is not None and known.connection_id == joined.connection_id else joined

    def _sit_down(self, joining: Joining, joined: Joined, following: list[events.Event]) -> None:
        room = self._room
        if room.life is None or room.life.session_id != joined.session_id:
            room.agenda.effects.append(LetGo(joining.connection, events.room_ended("ended"), ENDED))
            return
        if joining.outcome is Outcome.TAKEN:
            return
        member = self._newest(joined.participant)
        seat = Seated(
            connection=joining.connection,
            user_id=member.user_id,
            role=member.role,
            seat=member.seat,
            topology=joining.record.settings.topology,
            host=joining.record.host_user_id,
            confirmed=room.audience.told,
            sent=room.audience.new(),
        )
        taken: Seated | Lost = seat
        if joining.outcome is Outcome.LOST:
            taken = Lost.of(seat, lost_at=0, in_doubt=True, told=None, now=room.agenda.now)
            room.agenda.set_timer(Blip(seat.connection), room.agenda.now + room.hub.settings.blip)
        room.seats.sit(taken)
        room.audience.changed()
        room.agenda.effects.append(Sat(joining.connection))
        if isinstance(taken, Seated):
            room.announce(taken)
        for event in following:
            room.audience.tell_seat(taken, event)
        if joined.resumed:
            self._gate.returned(taken)
        elif member.permissions != Permissions():
            self._gate.keep_to(taken)  # set for them before they left
        if joined.resumed and isinstance(taken, Seated) and room.life.recording is not None:
            self._tap.mark(taken)  # its media went on, and its client may not have known

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
            recording_opt_out=bool(payload.recording_opt_out),
            is_guest=claims.admission.is_guest,
            seat=SeatId(self._room.hub.names.uuid()),
            resume=joining.resume_hash,
            returning=_digest(payload.resume_token) if payload.resume_token else None,
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


def _digest(resume: str) -> str:
    return hashlib.sha256(resume.encode()).hexdigest()
