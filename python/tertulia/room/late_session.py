"""The session of a meeting that was joined while SQL was away, or put back: opened in SQL, unless it ended there."""

from __future__ import annotations

from tertulia.room.ending import Ender
from tertulia.room.pending import Ending, OpeningLate
from tertulia.room.room import Room
from tertulia.room.steps import OpenSession


class LateSession:
    """Opens it."""

    def __init__(self, room: Room, ender: Ender) -> None:
        self._room = room
        self._ender = ender

    def open(self) -> None:
        """SQL may be back: open the session of a meeting of which it is not known to have one."""
        room, life = self._room, self._room.life
        if life is not None and life.is_unsure and not room.agenda.is_pending(OpeningLate):
            room.agenda.run(OpenSession(session_id=life.session_id), OpeningLate(life.session_id))

    def opened(self, work: OpeningLate, is_open: bool) -> None:
        """SQL is back, and has the session; False: it had ended before."""
        life = self._room.life
        if life is None or life.session_id != work.session_id:
            return
        life.is_unsure = False
        if not is_open:
            self._ender.begin(Ending(reason="ended", session_id=work.session_id))

    def failed(self, work: OpeningLate, error: Exception) -> None:
        """It is still away: the next sweep tries again."""
        self._room.agenda.warn("a session could not be opened in the database yet", error=str(error))
