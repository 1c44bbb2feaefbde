"""From the seat in Redis to the result of JoinRoom, and what a returning client has missed after it."""

from __future__ import annotations

from tertulia.contract.calls import Permissions
from tertulia.contract.events import JoinResult
from tertulia.room import events
from tertulia.room.answers import Joined
from tertulia.room.closing import ENDED
from tertulia.room.effects import LetGo, Reply, Returned, Sat
from tertulia.room.ending import Ender
from tertulia.room.gate import Gate
from tertulia.room.missed import NOTHING_KEPT, Backlog, without_gone
from tertulia.room.participant import Participant
from tertulia.room.pending import HandedOver
from tertulia.room.room import Room
from tertulia.room.seat import Joining, Lost, Outcome, Seated, Source
from tertulia.room.tap import Tap
from tertulia.room.timers import Blip, Handover
from tertulia.room.waiting import WaitingRoom


class Seating:
    """Seats the clients whose JoinRoom has succeeded."""

    def __init__(self, room: Room, ender: Ender, tap: Tap, gate: Gate, waiting: WaitingRoom) -> None:
        self._room = room
        self._ender = ender
        self._tap = tap
        self._gate = gate
        self._waiting = waiting

    def begin(self, joining: Joining, joined: Joined) -> None:
        """Answer who has a seat in Redis; first wait for what they missed, if they return.

        It comes from the hub that held the lost connection: from this one it is here already, if at all.
        """
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

    def _finish(self, joining: Joining, joined: Joined, backlog: Backlog | None) -> None:
        """Answer, and sit down in the same turn. ``backlog``: the client returns, and this was kept for it."""
        room = self._room
        self._ender.rejoined()
        if joined.replaced is not None and not joined.resumed and joined.replaced.hub != room.hub.hub:
            room.close_peer(room.node, joined.replaced.seat)
        others = self._others(joined)
        del self._room.seats.joining[joining.connection]
        following, some_lost = self._held_for(joining, joined)
        if backlog is None:
            some_lost = some_lost or _is_stale_return(joining, joined)
        else:
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
            hand_raised=me.hand_raised,
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


def _is_stale_return(joining: Joining, joined: Joined) -> bool:
    """The client meant to return to the seat that it takes over now, but its token is not the last one: the answer to a
    return before this one was lost on the way, and what that return was told with it."""
    return joining.payload.resume_token is not None and joined.replaced is not None and not joined.resumed
