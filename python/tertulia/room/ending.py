"""How meetings end: for everyone at once, in Redis, in SQL, and for the SFU node."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tertulia.errors import NotFound
from tertulia.ids import NodeId, RecordingId, SessionId
from tertulia.room import answers, commands
from tertulia.room.answers import RoomRecord, RoomSummary
from tertulia.room.effects import Tell
from tertulia.room.membership import Membership
from tertulia.room.pending import (
    Caller,
    ClosingSession,
    Comparing,
    Dropping,
    Ending,
    EndingRejoined,
    FindingSession,
    OnRequest,
    Otherwise,
    Reaping,
)
from tertulia.room.restoring import Restoring
from tertulia.room.room import Room
from tertulia.room.steps import CloseSession, End, ReadRecord, ReadSession, Summary
from tertulia.room.timers import Empty

_MARGIN: Final = 0.05
"""Seconds: Redis' clock and ours may round differently."""


class Ender:
    """Ends the meeting, and closes its session in SQL."""

    def __init__(self, room: Room, membership: Membership, restoring: Restoring) -> None:
        self._room = room
        self._membership = membership
        self._restoring = restoring

    # --- the empty room

    def emptied(self) -> None:
        """The last one left: end the meeting if nobody comes back in time."""
        after = self._room.hub.settings.empty_room + _MARGIN
        self._room.agenda.set_timer(Empty(), self._room.agenda.now + after)

    def rejoined(self) -> None:
        """Somebody came back."""
        self._room.agenda.cancel_timer(Empty())

    def still_empty(self, caller: Caller = None) -> None:
        """Nobody came back."""
        empty_for_ms = round(self._room.hub.settings.empty_room * 1000)
        self.begin(Ending(reason="empty", empty_for_ms=empty_for_ms, caller=caller))

    # --- the end, step by step

    def begin(self, ending: Ending) -> None:
        """End the meeting. Where the room's media is, is known best by those who have members in it."""
        if self._room.life is not None:
            self._drop(ending, self._room.life.node)
        else:
            self._room.agenda.run(Summary(), ending)

    def located(self, ending: Ending, summary: RoomSummary | None) -> None:
        """Redis says where the room lives."""
        self._drop(ending, summary.node if summary is not None else None)

    def restored(self, ending: Ending, error: Exception | None) -> None:
        """The room was written again, so that it can be ended."""
        if error is not None:
            self.failed(ending, error)
        else:
            self.begin(ending)

    def dropped(self, work: Dropping, ended: answers.Ended | None) -> None:
        """Redis has ended the meeting; None: it knows of none."""
        if ended is None:
            self._nothing_dropped(work.ending)
            return
        self.rejoined()
        self._membership.ended(ended.session_id, work.ending.reason)
        if work.node is not None:
            self._room.agenda.effects.append(Tell(work.node, commands.End(room=self._room.id)))
        self._close(ended.session_id, work.ending.caller, result=True)

    def found_session(self, work: FindingSession, record: RoomRecord) -> None:
        """SQL says whether a session is open. Its state was lost: close it, so that the hubs do not put it back."""
        if record.session_id is None:
            self._room.agenda.answer(work.caller, result=False)
        else:
            self._close(record.session_id, work.caller, result=False)

    def closed(self, work: ClosingSession) -> None:
        """SQL has closed the session. Whoever rejoined it between its end in Redis and now is to be told."""
        end = End(reason="ended", session_id=work.session_id)
        self._room.agenda.run(end, EndingRejoined(work.session_id, work.caller, work.result))

    def ended_rejoined(self, work: EndingRejoined) -> None:
        """They have been told."""
        self._membership.ended(work.session_id, "ended")
        self._room.agenda.answer(work.caller, work.result)

    def failed(
        self,
        work: Ending | Dropping | FindingSession | ClosingSession | EndingRejoined | Reaping,
        error: Exception,
    ) -> None:
        """Redis or SQL is away, or the room was deleted."""
        caller = work.ending.caller if isinstance(work, Dropping) else work.caller
        if isinstance(work, FindingSession) and isinstance(error, NotFound):
            self._room.agenda.answer(caller, result=False)  # and its sessions are gone with it
        elif caller is None:
            self._room.agenda.warn("an empty meeting was not ended, the next reaping will", error=str(error))
        else:
            self._room.agenda.refuse(caller, error)

    def _drop(self, ending: Ending, node: NodeId | None) -> None:
        step = End(reason=ending.reason, session_id=ending.session_id, only_if_empty_for_ms=ending.empty_for_ms)
        self._room.agenda.run(step, Dropping(ending, node))

    def _nothing_dropped(self, ending: Ending) -> None:
        """Redis knows of no such meeting: it was lost there, or is over."""
        once_more = replace(ending, otherwise=Otherwise.NOTHING)
        life = self._room.life
        if ending.otherwise is Otherwise.RESTORE:
            self._restoring.begin(ending.incarnation, once_more)
        elif ending.otherwise is Otherwise.RESTORE_OR_CLOSE and life is not None:
            self._restoring.begin(life.incarnation, once_more)
        elif ending.otherwise is Otherwise.RESTORE_OR_CLOSE:
            self._room.agenda.run(ReadRecord(is_anew=True), FindingSession(ending.caller))
        else:
            self._room.agenda.answer(ending.caller, result=False)

    def _close(self, session_id: SessionId, caller: Caller, result: bool) -> None:
        self._room.agenda.run(CloseSession(session_id=session_id), ClosingSession(session_id, caller, result))

    # --- sessions that nobody closed

    def reap(self, session_id: SessionId, recording: RecordingId | None, caller: OnRequest) -> None:
        """SQL says that the session is open. Close it if its meeting is over: the processes that were in it died."""
        self._room.agenda.run(Summary(), Reaping(session_id, recording, caller))

    def looked_at(self, work: Reaping, summary: RoomSummary | None) -> None:
        """Redis says whether there is a meeting, and anyone in it."""
        hub, agenda = self._room.hub, self._room.agenda
        if summary is not None and summary.session_id == work.session_id:
            hub.stateless.found(work.session_id)
            if summary.empty_for_ms is not None and summary.empty_for_ms >= hub.settings.empty_room * 1000:
                self.still_empty(work.caller)
            elif summary.recording != work.recording:
                step = ReadSession(session_id=work.session_id)
                agenda.run(step, Comparing(work.session_id, summary.recording, work.caller))
            else:
                agenda.answer(work.caller, result=False)
            return
        # The hubs of a living meeting write a lost state again at the next KeepAlive at the latest.
        since = hub.stateless.since(work.session_id, agenda.now)
        if agenda.now - since >= 1.5 * hub.settings.keep_alive:
            agenda.log("a session without a meeting is closed", session=work.session_id)
            self._close(work.session_id, work.caller, result=True)
        else:
            agenda.answer(work.caller, result=False)
