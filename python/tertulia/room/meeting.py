"""One room on one hub, as a pure value: inputs and ``now`` in, effects out.

No clock, no socket, no Redis, no await: what takes time is begun by an effect (``Run``, ``SetTimer``, ``Subscribe``),
and its answer comes as an input, to be matched with what is pending and with the state as it is by then.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from tertulia.ids import ConnectionId, RoomId
from tertulia.room import inputs, pending, timers
from tertulia.room.agenda import Agenda
from tertulia.room.calls import Calls
from tertulia.room.chat import Chat
from tertulia.room.effects import Effect, Refuse, Reply, Unsubscribe, Unused
from tertulia.room.ending import Ender
from tertulia.room.gate import Gate
from tertulia.room.hosting import Hosting
from tertulia.room.inputs import Input
from tertulia.room.joining import Joiner
from tertulia.room.late_session import LateSession
from tertulia.room.leaving import Leaver
from tertulia.room.listening import Listening
from tertulia.room.membership import Membership
from tertulia.room.moving import Mover
from tertulia.room.participant import Participant
from tertulia.room.pending import OnRequest, Otherwise
from tertulia.room.reading import Reader
from tertulia.room.recording import Recorder
from tertulia.room.relocation import Relocation
from tertulia.room.removing import Remover
from tertulia.room.restoring import Restoring
from tertulia.room.room import Channel, Room
from tertulia.room.seat import Outcome, Seated
from tertulia.room.seating import Seating
from tertulia.room.seats import Seats
from tertulia.room.surroundings import Surroundings
from tertulia.room.tap import Tap
from tertulia.room.upkeep import Upkeep
from tertulia.room.waiting import WaitingRoom

Handler = Callable[..., None]


class Meeting:
    """See :mod:`tertulia.room.inputs` for what callers guarantee and :mod:`tertulia.room.effects` for what they do."""

    def __init__(self, room: RoomId, surroundings: Surroundings) -> None:
        """``surroundings``: what all meetings of a hub share."""
        self.id: Final = room
        self._agenda = Agenda()
        self._room = facts = Room(room, surroundings, self._agenda)
        self._seats = facts.seats
        self._tap = tap = Tap(facts)
        relocation = Relocation(facts)
        self._waiting = waiting = WaitingRoom(facts)
        self._gate = gate = Gate(facts, waiting)
        self._membership = membership = Membership(facts, tap, relocation, gate, waiting)
        self._recorder = recorder = Recorder(facts, tap)
        self._listening = listening = Listening(facts, membership, recorder, relocation, gate, waiting)
        self._restoring = restoring = Restoring(facts, membership)
        self._reader = Reader(facts, membership, restoring, listening)
        self._ender = ender = Ender(facts, membership, restoring)
        self._leaver = leaver = Leaver(facts, membership, ender)
        self._remover = remover = Remover(facts, leaver)
        self._mover = Mover(facts, membership, relocation)
        self._seating = Seating(facts, ender, tap, gate, waiting)
        self._joiner = Joiner(facts, membership, listening, leaver, waiting, self._seating)
        self._late = LateSession(facts, ender)
        self._upkeep = upkeep = Upkeep(facts, membership, restoring, leaver, gate)
        self._hosting = hosting = Hosting(facts, restoring, remover, gate, waiting)
        self._chat = chat = Chat(facts)
        self._calls = Calls(facts, upkeep, leaver, remover, ender, recorder, tap, gate, hosting, chat)
        self._inputs = self._input_handlers()
        self._answers = self._answer_handlers()
        self._failures = self._failure_handlers()
        self._resumes = self._resume_handlers()
        self._timers = self._timer_handlers()

    @property
    def seats(self) -> Seats:
        """Who of this hub has a seat or wants one; to be read only."""
        return self._seats

    @property
    def members(self) -> Mapping[str, Participant]:
        """Who is in the room, as far as this hub knows, by userId; to be read only."""
        return self._room.members

    def handle(self, given: Input, now: float) -> list[Effect]:
        """What follows from an input. ``now`` is in seconds, on any clock that never runs backwards."""
        agenda = self._agenda
        agenda.now = now
        effects: list[Effect] = []
        agenda.effects = effects
        self._inputs[type(given)](given)
        self._finish()
        return effects

    def call(self, given: inputs.Call, now: float) -> tuple[list[Effect], bool]:
        """As :meth:`handle`, for the hot path: an answer that is ``{}`` at once is no effect, but True.

        Raises:
            Refused: that is the answer; nothing has changed. (Anything else: a fault of ours.)
        """
        agenda = self._agenda
        agenda.now = now
        effects: list[Effect] = []
        agenda.effects = effects
        is_answered = self._calls.call(given)
        if agenda.resumed:
            self._finish()
        return effects, is_answered

    def _finish(self) -> None:
        """What goes on within this input, and whether anyone is left."""
        agenda = self._agenda
        seats = self._seats
        while agenda.resumed:
            resumed = agenda.resumed.popleft()
            self._resumes[type(resumed.work)](resumed.work, resumed.error)
        if not (seats.by_connection or seats.joining or seats.waiting):
            self._rest()

    def heard(self, connection: ConnectionId, now: float) -> None:
        """The client was heard of otherwise than by a call that is given to :meth:`handle` at once: by one that waits,
        or is refused. What it was sent a while ago has arrived; no effect without a seat here."""
        self._agenda.now = now
        seat = self._room.seats.by_connection.get(connection)
        if type(seat) is Seated:
            self._room.audience.heard_from(seat)

    def superseded(self, connection: ConnectionId, latest: Hashable) -> None:
        """The last event with this ``latest`` was sent to the connection in the place of the one before, which was
        stale and still waited there."""
        self._room.audience.superseded(connection, latest)

    def _rest(self) -> None:
        """Nobody of this hub is in the room: it is not listened to any more, and what was known of it grows old."""
        room = self._room
        if room.channel is Channel.HEARD:
            room.channel = Channel.UNHEARD
            self._agenda.effects.append(Unsubscribe())
            self._reader.stop()
            room.forget()
            room.hearing.forget()
            self._waiting.forget()
        if self._agenda.is_empty:
            self._agenda.effects.append(Unused())

    # --- inputs

    def _input_handlers(self) -> dict[type[Any], Handler]:
        return {
            inputs.Call: self._call,
            inputs.Message: lambda given: self._listening.hear(given.message),
            inputs.Answered: self._answered,
            inputs.Failed: self._failed,
            inputs.Join: self._joiner.join,
            inputs.ConnectionLost: self._connection_lost,
            inputs.ConnectionClosed: self._connection_closed,
            inputs.JoinAbandoned: lambda given: self._waiting.gone(given.connection),
            inputs.TimerDue: self._timer_due,
            inputs.Subscribed: lambda _: self._joiner.subscribed(),
            inputs.NotSubscribed: lambda given: self._joiner.not_subscribed(given.error),
            inputs.Gap: lambda _: self._gap(),
            inputs.OfferUnheard: self._mover.unheard,
            inputs.NodesSeen: lambda _: self._mover.look(),
            inputs.Sweep: lambda _: self._sweep(),
            inputs.QuotasRead: lambda given: self._mover.hold_to(given.tenant, given.quotas),
            inputs.EndRoom: self._end_room,
            inputs.RemoveParticipant: self._remove_participant,
            inputs.SettingsChanged: self._settings_changed,
            inputs.StartRecording: self._start_recording,
            inputs.StopRecording: self._stop_recording,
            inputs.Reap: self._reap,
        }

    def _call(self, given: inputs.Call) -> None:
        effects = self._agenda.effects
        try:
            if self._calls.call(given):
                effects.append(Reply(given.connection))
        except Exception as e:  # noqa: BLE001 - the caller is told; what is a fault of ours is logged by that
            effects.append(Refuse(given.connection, e))

    def _connection_lost(self, given: inputs.ConnectionLost) -> None:
        room = self._room
        self._waiting.gone(given.connection)
        joining = room.seats.joining.get(given.connection)
        if joining is not None and joining.outcome is Outcome.SEATED:
            joining.outcome = Outcome.LOST
        seat = room.seats.of(given.connection)
        if isinstance(seat, Seated):
            room.audience.lose(seat, given.some_lost, room.life_of_seats.recording)
            self._agenda.set_timer(timers.Blip(given.connection), self._agenda.now + room.hub.settings.blip)

    def _connection_closed(self, given: inputs.ConnectionClosed) -> None:
        seat = self._room.seats.of(given.connection)
        if seat is not None:
            self._leaver.leave(seat, "closed", None)

    def _end_room(self, given: inputs.EndRoom) -> None:
        ending = pending.Ending(
            reason=given.reason, caller=OnRequest(given.request), otherwise=Otherwise.RESTORE_OR_CLOSE
        )
        self._ender.begin(ending)

    def _remove_participant(self, given: inputs.RemoveParticipant) -> None:
        self._remover.remove(given.user, given.ban, OnRequest(given.request))

    def _settings_changed(self, given: inputs.SettingsChanged) -> None:
        self._hosting.settings_changed(given.settings, OnRequest(given.request))

    def _reap(self, given: inputs.Reap) -> None:
        self._gate.seen(given.settings)
        self._ender.reap(given.session_id, given.recording, OnRequest(given.request))

    def _gap(self) -> None:
        self._reader.start()
        self._waiting.try_again()

    def _start_recording(self, given: inputs.StartRecording) -> None:
        self._recorder.start(given.recording, given.layout, OnRequest(given.request), given.by)

    def _stop_recording(self, given: inputs.StopRecording) -> None:
        self._recorder.stop(given.recording, OnRequest(given.request), given.by)

    def _sweep(self) -> None:
        self._leaver.sweep()
        self._tap.say_again()
        self._recorder.stop_broken()
        self._room.audience.forget_confirmed()
        self._mover.vouch()
        self._late.open()
        self._gate.keep()
        self._waiting.say_again()

    # --- answers

    def _answered(self, given: inputs.Answered) -> None:
        work = self._agenda.pending.pop(given.ticket)
        try:
            self._answers[type(work)](work, given.answer)
        except Exception as e:  # noqa: BLE001 - a fault of ours: whoever waits is told, and the log by that
            self._failures[type(work)](work, e)

    def _failed(self, given: inputs.Failed) -> None:
        work = self._agenda.pending.pop(given.ticket)
        self._failures[type(work)](work, given.error)

    def _answer_handlers(self) -> dict[type[Any], Handler]:
        joiner, leaver, remover, ender = self._joiner, self._leaver, self._remover, self._ender
        upkeep, recorder = self._upkeep, self._recorder
        return {
            pending.TakingSeat: joiner.took_seat,
            pending.Settling: joiner.settled,
            pending.OpeningSession: joiner.opened_session,
            pending.OpeningLate: self._late.opened,
            pending.Confirming: joiner.confirmed,
            pending.ReadingRemovals: joiner.read_removals,
            pending.KeepingOut: lambda work, _: joiner.kept_out(work),
            pending.ClosingStale: lambda work, _: joiner.closed_stale(work),
            pending.EndingStale: lambda work, _: joiner.ended_stale(work),
            pending.DroppingState: lambda work, _: joiner.dropped_state(work),
            pending.RereadingRecord: joiner.reread_record,
            pending.GivingUp: joiner.gave_up,
            pending.KeepingAlive: upkeep.kept_alive,
            pending.Updating: upkeep.updated,
            pending.RaisingHand: upkeep.hand_raised,
            pending.Renaming: upkeep.renamed,
            pending.OptingOut: upkeep.opted_out,
            pending.Controlling: lambda work, _: self._hosting.controlled(work),
            pending.ChangingSettings: self._hosting.changed_settings,
            pending.ReadingSettings: self._gate.was_read,
            pending.KeepingChat: lambda *_: self._chat.kept(),
            pending.ReadingChat: self._chat.was_read,
            pending.Reacting: self._chat.reacted,
            pending.Leaving: leaver.left,
            pending.LeavingUnrecorded: leaver.left_unrecorded,
            pending.ClosingPeer: leaver.found_member,
            pending.Removing: remover.removed,
            pending.FindingNode: remover.found_node,
            pending.FindingMeeting: remover.found_meeting,
            pending.RecordingRemoval: lambda work, _: remover.recorded(work),
            pending.CheckingRemoval: remover.checked,
            pending.Sweeping: leaver.swept,
            pending.CheckingSession: self._restoring.checked,
            pending.Restoring: self._restoring.written,
            pending.Reading: self._reader.read,
            pending.Ending: ender.located,
            pending.Dropping: ender.dropped,
            pending.FindingSession: ender.found_session,
            pending.ClosingSession: lambda work, _: ender.closed(work),
            pending.EndingRejoined: lambda work, _: ender.ended_rejoined(work),
            pending.Reaping: ender.looked_at,
            pending.Starting: recorder.checked,
            pending.StartingInSql: lambda work, _: recorder.started(work),
            pending.Beginning: recorder.begun,
            pending.Withdrawing: lambda work, _: recorder.withdrawn(work),
            pending.FindingRecording: recorder.found,
            pending.Stopping: lambda work, _: recorder.stopped(work),
            pending.EndingRecording: recorder.ended,
            pending.Comparing: recorder.compared,
            pending.Repairing: lambda work, _: recorder.repaired(work),
            pending.Moving: self._mover.moved,
            pending.Following: lambda _, summary: self._mover.found(summary),
        }

    def _failure_handlers(self) -> dict[type[Any], Handler]:
        parts: dict[Handler, tuple[type[Any], ...]] = {
            self._joiner.failed: (
                pending.TakingSeat,
                pending.Settling,
                pending.OpeningSession,
                pending.Confirming,
                pending.ReadingRemovals,
                pending.KeepingOut,
                pending.ClosingStale,
                pending.EndingStale,
                pending.DroppingState,
                pending.RereadingRecord,
                pending.GivingUp,
            ),
            self._late.failed: (pending.OpeningLate,),
            self._upkeep.failed: (
                pending.KeepingAlive,
                pending.Updating,
                pending.RaisingHand,
                pending.Renaming,
                pending.OptingOut,
            ),
            self._hosting.failed: (pending.Controlling,),
            self._hosting.change_failed: (pending.ChangingSettings,),
            self._gate.read_failed: (pending.ReadingSettings,),
            self._chat.keep_failed: (pending.KeepingChat,),
            self._chat.failed: (pending.ReadingChat, pending.Reacting),
            self._leaver.leave_failed: (pending.Leaving, pending.LeavingUnrecorded),
            self._leaver.member_not_found: (pending.ClosingPeer,),
            self._remover.failed: (pending.Removing, pending.FindingMeeting),
            self._remover.node_not_found: (pending.FindingNode,),
            self._remover.record_failed: (pending.RecordingRemoval,),
            self._remover.check_failed: (pending.CheckingRemoval,),
            self._leaver.sweep_failed: (pending.Sweeping,),
            self._restoring.failed: (pending.CheckingSession, pending.Restoring),
            self._reader.failed: (pending.Reading,),
            self._ender.failed: (
                pending.Ending,
                pending.Dropping,
                pending.FindingSession,
                pending.ClosingSession,
                pending.EndingRejoined,
                pending.Reaping,
            ),
            self._recorder.start_failed: (
                pending.Starting,
                pending.StartingInSql,
                pending.Beginning,
                pending.Withdrawing,
            ),
            self._recorder.stop_failed: (pending.FindingRecording, pending.Stopping, pending.EndingRecording),
            self._recorder.repair_failed: (pending.Comparing, pending.Repairing),
            self._mover.failed: (pending.Moving, pending.Following),
        }
        return {kind: failed for failed, kinds in parts.items() for kind in kinds}

    # --- what goes on, and what is due

    def _resume_handlers(self) -> dict[type[Any], Handler]:
        return {
            pending.KeepingAlive: self._upkeep.restored,
            pending.Updating: self._upkeep.restored,
            pending.RaisingHand: self._upkeep.restored,
            pending.Renaming: self._upkeep.restored,
            pending.OptingOut: self._upkeep.restored,
            pending.Controlling: self._hosting.restored,
            pending.Entering: lambda work, _: self._joiner.enter(work),
            pending.Reading: self._reader.restored,
            pending.Ending: self._ender.restored,
            pending.HandedOver: lambda work, _: self._seating.handed_over(work),
            pending.ReadingWanted: lambda *_: self._reader.start(),
            pending.Marked: lambda *_: self._reader.marked(),
        }

    def _timer_handlers(self) -> dict[type[Any], Handler]:
        return {
            timers.Blip: self._blip_over,
            timers.Handover: self._seating.handover_overdue,
            timers.Waited: self._waiting.overdue,
            timers.Empty: lambda _: self._ender.still_empty(),
            timers.Mark: lambda _: self._reader.mark_overdue(),
            timers.ReadAgain: lambda _: self._reader.pause_over(),
            timers.RecordAgain: self._remover.record_again,
        }

    def _timer_due(self, given: inputs.TimerDue) -> None:
        self._agenda.timers.discard(given.timer)
        self._timers[type(given.timer)](given.timer)

    def _blip_over(self, timer: timers.Blip) -> None:
        self._leaver.show_lost(timer.connection)
