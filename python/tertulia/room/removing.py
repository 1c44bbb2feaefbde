"""Removing a participant: in Redis, which voids their tokens at once, and in SQL, which survives its loss.

::

    Removing ─▶ (FindingNode) ─▶ RecordingRemoval ─▶ CheckingRemoval ─▶ the answer
        │ Redis has lost the room                                          ▲
        └──▶ (FindingMeeting) ─▶ RecordingRemoval ─▶ Removing again: the room may have been written meanwhile

Whoever writes the room again reads the removals from SQL first. They may have read it before the removal was there: so
the script is run again once it is, and voids the tokens also where there is still no state; not if Redis has kept the
removal. And this hub remembers the removals that it has seen (:mod:`tertulia.room.removals`).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tertulia.ids import NodeId, SessionId, UserId
from tertulia.room import answers
from tertulia.room.answers import RoomRecord, RoomSummary
from tertulia.room.leaving import Leaver
from tertulia.room.messages import DeniedMessage
from tertulia.room.pending import Caller, CheckingRemoval, FindingMeeting, FindingNode, RecordingRemoval, Removing
from tertulia.room.room import Room
from tertulia.room.steps import ReadRecord, RecordRemoval, Remove, Summary
from tertulia.room.timers import RecordAgain

AGAIN_AFTER: Final = 5.0
"""Seconds until what could not be written to SQL is written again."""
TRIES: Final = 120
"""Ten minutes of them. Redis knows of the removal meanwhile."""


class Remover:
    """Takes seats away, and keeps it that they were."""

    def __init__(self, room: Room, leaver: Leaver) -> None:
        self._room = room
        self._leaver = leaver

    def remove(self, user: UserId, ban: bool, caller: Caller) -> None:
        """Take a member's seat away and void the tokens of their admissions until now; with ``ban``, a guest's for
        good. The caller is answered whether there is a meeting from which they are removed."""
        self._room.agenda.run(Remove(user=user), Removing(user, ban, caller))

    def removed(self, work: Removing, removed: answers.Removed) -> None:
        """Redis has freed the seat and voided the tokens, unless it knows of no meeting. They do not wait for one
        either."""
        self._room.publish(DeniedMessage(origin=self._room.hub.hub, user_id=work.user))
        if removed.session_id is None:
            self._not_removed(work, removed.at_ms)
            return
        record = RecordingRemoval(work.user, work.ban, work.caller, removed.session_id, removed.at_ms)
        self._free_and_record(removed, record)

    def found_node(self, work: FindingNode, summary: RoomSummary | None) -> None:
        """Redis says where the peer of a member who was removed is."""
        self._free(work.left, summary.node if summary is not None else None)
        self._record(work.then)

    def node_not_found(self, work: FindingNode, error: Exception) -> None:
        """Redis is away by now: the member's own hub closes the peer."""
        self._free(work.left, None)
        self._record(work.then)

    def found_meeting(self, work: FindingMeeting, record: RoomRecord) -> None:
        """SQL says whether a session is open of which Redis knows nothing."""
        if record.session_id is None:
            self._room.agenda.answer(work.removing.caller, result=False)
        else:
            self._record_lost(work.removing, record.session_id, work.at_ms)

    def recorded(self, work: RecordingRemoval) -> None:
        """SQL knows of it."""
        if work.is_lost:
            step = Remove(user=work.user, lost=work.session_id)
            self._room.agenda.run(step, Removing(work.user, work.ban, work.caller, is_known=True))
        else:
            step = Remove(user=work.user, lost=work.session_id, done_at_ms=work.at_ms)
            self._room.agenda.run(step, CheckingRemoval(work))

    def checked(self, work: CheckingRemoval, removed: answers.Removed) -> None:
        """Redis has kept the removal; or it had lost it, with the room, and somebody may have joined since."""
        if removed.session_id is None:
            self._room.agenda.answer(work.removal.caller)
        else:
            self._free_and_record(removed, replace(work.removal, at_ms=removed.at_ms))

    def check_failed(self, work: CheckingRemoval, error: Exception) -> None:
        """Redis is away: it is asked again when it is back."""
        self._try_again(work.removal, error)

    def failed(self, work: Removing | FindingMeeting, error: Exception) -> None:
        """Redis or SQL is away: nothing was voided for certain."""
        caller = work.removing.caller if isinstance(work, FindingMeeting) else work.caller
        self._room.agenda.refuse(caller, error)

    def record_failed(self, work: RecordingRemoval, error: Exception) -> None:
        """SQL is away. What Redis has voided is void; it is written when SQL is back."""
        if work.is_lost:
            self._room.agenda.refuse(work.caller, error)
        else:
            self._try_again(work, error)

    def _try_again(self, work: RecordingRemoval, error: Exception) -> None:
        agenda = self._room.agenda
        agenda.answer(work.caller)
        tries = work.tries + 1
        if tries >= TRIES:
            agenda.warn("a removal could not be stored: it may not survive the loss of Redis", user=work.user)
            return
        if tries == 1:
            agenda.warn("a removal is not stored yet: it is tried again", user=work.user, error=str(error))
        again = RecordAgain(work.session_id, work.user, work.at_ms, work.ban, tries)
        agenda.set_timer(again, agenda.now + AGAIN_AFTER)

    def record_again(self, timer: RecordAgain) -> None:
        """Another attempt to write it to SQL is due."""
        self._record(RecordingRemoval(timer.user, timer.ban, None, timer.session_id, timer.at_ms, tries=timer.tries))

    def _not_removed(self, work: Removing, at_ms: int) -> None:
        life = self._room.life
        if work.is_known:
            self._room.agenda.answer(work.caller)  # it is void for whoever makes the state, and SQL knows it too
        elif life is not None:
            self._record_lost(work, life.session_id, at_ms)
        else:
            self._room.agenda.run(ReadRecord(is_anew=True), FindingMeeting(work, at_ms))

    def _record_lost(self, work: Removing, session_id: SessionId, at_ms: int) -> None:
        self._record(RecordingRemoval(work.user, work.ban, work.caller, session_id, at_ms, is_lost=True))

    def _record(self, work: RecordingRemoval) -> None:
        self._room.hub.removals.add(self._room.id, work.session_id, work.user, work.at_ms)
        step = RecordRemoval(session_id=work.session_id, user=work.user, at_ms=work.at_ms, ban=work.ban)
        self._room.agenda.run(step, work)

    def _free_and_record(self, removed: answers.Removed, record: RecordingRemoval) -> None:
        if removed.left is None:
            self._record(record)
        elif self._room.life is None:
            self._room.agenda.run(Summary(), FindingNode(removed.left, record))
        else:
            self._free(removed.left, self._room.life.node)
            self._record(record)

    def _free(self, left: answers.Left, node: NodeId | None) -> None:
        self._leaver.freed(left.participant, left.remaining, "removed", node)
