"""Redis is a cache of who is here; the hubs are the truth about it. What is lost there is written again from here."""

from __future__ import annotations

from msgspec.structs import replace

from tertulia.errors import NoSession
from tertulia.ids import SessionId
from tertulia.room.answers import Ongoing, Restored
from tertulia.room.membership import Membership
from tertulia.room.pending import CheckingSession, ReadingWanted, Resumable
from tertulia.room.pending import Restoring as Writing
from tertulia.room.room import Room
from tertulia.room.steps import ReadSession, Restore


class Restoring:
    """Of several who find the room lost, the first begins and the others wait for it."""

    def __init__(self, room: Room, membership: Membership) -> None:
        self._room = room
        self._membership = membership
        self._waiting: list[Resumable] = []
        """Who goes on when the room is written; empty: it is not being restored."""

    def begin(self, incarnation: str, then: Resumable) -> None:
        """Write the members of this hub again into a state that is no longer ``incarnation``; ``then`` goes on.

        If their session has ended meanwhile they are told so and let go, and ``then`` finds no life in the room.
        """
        life = self._room.life
        if life is None or life.incarnation != incarnation:
            self._room.agenda.resume(then)
            return
        self._waiting.append(then)
        if len(self._waiting) == 1:
            self._room.agenda.run(ReadSession(session_id=life.session_id), CheckingSession(life.session_id))

    def checked(self, work: CheckingSession, session: Ongoing | None) -> None:
        """SQL says whether the session is still open, and what is recorded of it."""
        life = self._room.life
        if life is None or life.session_id != work.session_id:
            self._go_on()
        elif session is None:
            self._over(work.session_id)
        else:
            removals = self._room.hub.removals.with_those_of(self._room.id, life.session_id, session.removals)
            known = replace(life.known(), recording=session.recording, removals=removals)
            step = Restore(known=known, members=self._room.mine(), new_incarnation=self._room.hub.names.token())
            life.mirror.writing()
            self._room.agenda.run(step, Writing(life.session_id))

    def written(self, work: Writing, restored: Restored) -> None:
        """Redis has the members of this hub again."""
        room, life = self._room, self._room.life
        if life is not None and life.session_id == work.session_id:
            life.incarnation = restored.incarnation
            life.is_unsure |= restored.created  # who ended it meanwhile found no state to end
            mine = room.mine()
            life.mirror.lost((m.user_id for m in mine), room.agenda.now + room.hub.settings.seat)
            self._membership.settled(restored)
            self._membership.replace_missing(restored.displaced)
            self._membership.remove_missing(restored.removed)
            if not restored.created or restored.recording != life.recording:
                room.agenda.resume(ReadingWanted())  # who was written before us is there for certain
            room.agenda.log("a room was written to Redis again", members=len(mine))
        self._go_on()

    def failed(self, work: CheckingSession | Writing, error: Exception) -> None:
        """SQL or Redis is away, or another session has begun in the room."""
        if isinstance(error, NoSession):
            self._over(work.session_id)
        else:
            self._go_on(error)

    def _over(self, session_id: SessionId) -> None:
        self._membership.ended(session_id, "ended")
        self._go_on()

    def _go_on(self, error: Exception | None = None) -> None:
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            self._room.agenda.resume(work, error)
