"""Recordings begin and end: in SQL, which has the truth, then in Redis, whose message has every hub tell its members.

::

    start ─▶ Starting ─▶ StartingInSql ─▶ Beginning ─▶ done
             may it be?                      └──the meeting is over──▶ Withdrawing ─▶ refused
    stop ─▶ (FindingRecording) ─▶ Stopping ─▶ EndingRecording ─▶ done
    trouble ─▶ Stopping ─▶ EndingRecording ─▶ done
    reaping ─▶ Comparing ─▶ Repairing

A node that cannot write a recording any more says so, and the hubs of the room stop it: the list of recordings says
why, and another one may be started. If SQL is away then, they try again at each sweep.

Where Redis does not answer, SQL and Redis disagree: the next reaping lets Redis say what SQL says, so that a start of
which nobody knows how it ended begins late, and a stop ends late. A recording that is over never begins again.
"""

from __future__ import annotations

from typing import Final

from tertulia.contract.events import RecordingBegun, RecordingTrouble
from tertulia.contract.fields import Layout
from tertulia.errors import AlreadyRecording, NoSession
from tertulia.ids import NodeId, RecordingId, SessionId
from tertulia.room import pending, steps
from tertulia.room.answers import Begun, Ongoing, RecordingOver, RoomRecord
from tertulia.room.effects import Reply
from tertulia.room.pending import Caller, OnCall
from tertulia.room.permissions import check_recordable
from tertulia.room.room import Room
from tertulia.room.tap import Tap

Starting = pending.Starting | pending.StartingInSql | pending.Beginning | pending.Withdrawing
Stopping = pending.FindingRecording | pending.Stopping | pending.EndingRecording

_FATAL: Final = {
    "disk_full": "The disk of the SFU node was full, so the recording was stopped. What was recorded is kept.",
    "disk_error": "The disk of the SFU node failed, so the recording was stopped. What was recorded is kept.",
}
"""The troubles after which a node writes nothing more of a recording, and what people are told."""


class Recorder:
    """Any number of starts and stops; of one session SQL lets one recording go on at a time."""

    def __init__(self, room: Room, tap: Tap) -> None:
        self._room = room
        self._agenda = room.agenda
        self._tap = tap
        self._broken: steps.StopRecording | None = None
        """How the recording is to be stopped that the room's node does not write any more."""

    # --- start

    def start(self, recording: RecordingId, layout: Layout, caller: Caller, by: str) -> None:
        """Record the meeting."""
        starting = pending.Starting(recording=recording, layout=layout, caller=caller, by=by)
        self._agenda.run(steps.ReadRecord(), starting)

    def checked(self, work: pending.Starting, record: RoomRecord) -> None:
        """SQL says what the room is. Raises Forbidden, NoSession, AlreadyRecording."""
        check_recordable(record.settings)
        if record.session_id is None:
            raise NoSession("there is no meeting in this room now")
        if record.recording not in (None, work.recording):
            raise AlreadyRecording("the meeting is being recorded already: stop that recording first")
        step = steps.StartRecording(recording=work.recording, session_id=record.session_id, layout=work.layout)
        self._agenda.run(step, pending.StartingInSql(work, record.session_id))

    def started(self, work: pending.StartingInSql) -> None:
        """SQL has it."""
        step = steps.BeginRecording(recording=work.starting.recording, session_id=work.session_id)
        self._agenda.run(step, pending.Beginning(work.starting, work.session_id))

    def begun(self, work: pending.Beginning, begun: Begun) -> None:
        """Redis has it, and the hubs hear of it; unless it was stopped before."""
        starting = work.starting
        if begun is Begun.NO_MEETING:
            step = steps.WithdrawRecording(recording=starting.recording)
            self._agenda.run(step, pending.Withdrawing(starting))
            return
        self._log("a recording is started", starting.recording, starting.by, session=work.session_id)
        if isinstance(starting.caller, OnCall):
            result = RecordingBegun(recording_id=starting.recording)
            self._agenda.effects.append(Reply(starting.caller.connection, result))
        else:
            self._agenda.answer(starting.caller)

    def withdrawn(self, work: pending.Withdrawing) -> None:
        """SQL has forgotten it."""
        error = NoSession("the meeting is over, or its state was lost and is being restored: try again in a moment")
        self._agenda.refuse(work.starting.caller, error)

    def start_failed(self, work: Starting, error: Exception) -> None:
        """It may not be, or Redis or SQL is away."""
        starting = work if isinstance(work, pending.Starting) else work.starting
        self._agenda.refuse(starting.caller, error)

    # --- stop

    def stop_running(self, caller: OnCall, by: str) -> None:
        """End the recording that goes on, if any."""
        self._agenda.run(steps.ReadRecord(), pending.FindingRecording(caller, by))

    def found(self, work: pending.FindingRecording, record: RoomRecord) -> None:
        """SQL says which one goes on."""
        if record.recording is None:
            self._agenda.answer(work.caller)
        else:
            self.stop(record.recording, work.caller, work.by)

    def stop(self, recording: RecordingId, caller: Caller, by: str) -> None:
        """End a recording."""
        stopping = pending.Stopping(recording=recording, caller=caller, by=by)
        self._agenda.run(steps.StopRecording(recording=recording), stopping)

    def stopped(self, work: pending.Stopping) -> None:
        """SQL has ended it. The hubs hear it from Redis; the nodes that this hub knows need not wait for that."""
        if self._room.life is not None:
            self._tap.end(work.recording)
        self._agenda.run(steps.EndRecording(recording=work.recording), pending.EndingRecording(work))

    def ended(self, work: pending.EndingRecording, over: RecordingOver | None) -> None:
        """Redis has ended it. Without a state, or a hub with members, nobody else tells the nodes."""
        stopping = work.stopping
        if over is None:
            self._tap.say_over(stopping.recording, self._room.hub.nodes.alive())
        elif self._room.life is None and over.node is not None:
            self._tap.say_over(stopping.recording, {over.node})
        self._log("a recording is stopped", stopping.recording, stopping.by)
        if isinstance(stopping.caller, OnCall):
            self._agenda.effects.append(Reply(stopping.caller.connection, target=stopping.recording))
        else:
            self._agenda.answer(stopping.caller)

    def stop_failed(self, work: Stopping, error: Exception) -> None:
        """Redis or SQL is away."""
        if isinstance(work, pending.EndingRecording):
            self._tap.say_over(work.stopping.recording, self._room.hub.nodes.alive())
        caller = work.stopping.caller if isinstance(work, pending.EndingRecording) else work.caller
        self._agenda.refuse(caller, error)

    # --- trouble

    def in_trouble(self, node: NodeId, trouble: RecordingTrouble) -> None:
        """A node cannot write the recording as it should. What a node says that the room has left does not count."""
        error = _FATAL.get(trouble.reason)
        if error is not None and node == self._room.node:
            self._broken = steps.StopRecording(recording=RecordingId(trouble.recording_id), error=error)
            self.stop_broken()

    def stop_broken(self) -> None:
        """Stop the recording that is not written any more, if it still goes on and is not being stopped already."""
        life, broken = self._room.life, self._broken
        if broken is None or life is None or life.recording != broken.recording:
            self._broken = None
        elif not self._agenda.is_pending(pending.Stopping):
            by = f"SFU node {self._room.node}"
            self._agenda.run(broken, pending.Stopping(recording=broken.recording, caller=None, by=by))

    # --- where SQL and Redis disagree

    def compared(self, work: pending.Comparing, session: Ongoing | None) -> None:
        """SQL was asked after Redis. As a start is in SQL first, and so is a stop, SQL is right by now."""
        recording = session.recording if session is not None else work.seen
        if recording == work.seen:
            self._agenda.answer(work.caller, result=False)
            return
        self._agenda.warn("Redis is told again which recording goes on", session=work.session_id, recording=recording)
        self._agenda.run(_repair(work.session_id, work.seen, recording), pending.Repairing(work.caller))

    def repaired(self, work: pending.Repairing) -> None:
        """Redis says what SQL says; the hubs hear of it."""
        self._agenda.answer(work.caller, result=False)

    def repair_failed(self, work: pending.Comparing | pending.Repairing, error: Exception) -> None:
        """The next reaping will try again."""
        self._agenda.refuse(work.caller, error)

    def _log(self, text: str, recording: RecordingId, by: str, **fields: str) -> None:
        self._agenda.log(text, recording=recording, by=by, **fields)


def _repair(session_id: SessionId, seen: RecordingId | None, recording: RecordingId | None) -> steps.Script:
    if recording is not None:
        return steps.BeginRecording(recording=recording, session_id=session_id)
    if seen is None:
        raise ValueError("SQL and Redis agree")
    return steps.EndRecording(recording=seen)
