"""Messages of the room's channel were missed: the room is read again from Redis, until that worked."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tertulia.room import answers
from tertulia.room.life import Life
from tertulia.room.listening import Listening
from tertulia.room.membership import Membership
from tertulia.room.pending import Reading, Settling
from tertulia.room.restoring import Restoring
from tertulia.room.room import Room
from tertulia.room.seat import Source
from tertulia.room.steps import Read
from tertulia.room.timers import Mark, ReadAgain

READ_AGAIN: Final = 1.0
"""Seconds until a room that could not be read is read again."""
MARK_WITHIN: Final = 3.0
"""Seconds until the channel has to say the mark of a reading that was answered: as long as a script may take."""


class _Asking(Struct):
    """Redis was asked, or the room is being restored."""

    missed: bool = False
    """Messages were missed once more."""


class _Marking(Struct):
    """The room was read; the channel has still to say the mark."""

    life: Life | None
    """The meeting that was read: another one may begin before the channel says the mark."""
    missed: bool


class _Pausing(Struct):
    """It did not work, and will be tried again."""


class Reader:
    """Brings the mirror up to date. Meanwhile what the channel says waits."""

    def __init__(self, room: Room, membership: Membership, restoring: Restoring, listening: Listening) -> None:
        self._room = room
        self._membership = membership
        self._restoring = restoring
        self._listening = listening
        self._state: _Asking | _Marking | _Pausing | None = None
        """None: the room is not being read."""

    def start(self) -> None:
        """Messages were missed. While the room is being read already, it is read once more afterwards."""
        if self._state is None:
            self._ask()
        elif not isinstance(self._state, _Pausing):
            self._state.missed = True

    def stop(self) -> None:
        """Nobody needs the room any more."""
        self._room.agenda.cancel_timer(Mark())
        self._room.agenda.cancel_timer(ReadAgain())
        self._state = None
        self._room.hearing.end_reading()

    def read(self, work: Reading, found: answers.Reading | None) -> None:
        """Redis has answered."""
        if not self._is_current(work):
            return
        self._note_joins()
        life = self._room.life
        if life is None:
            self._done()  # the first JoinRoom's answer will say who is there
        elif work.again:
            life.mirror.caught_up()
            if found is not None and found.summary.session_id == life.session_id:
                self._membership.show(life.mirror.present(found.participants), Source.CHANNEL)
                self._membership.recorded(found.summary.recording)
            self._await_mark()
        elif found is None or found.summary.incarnation != life.incarnation:
            self._restoring.begin(life.incarnation, work)
        else:
            self._take(life, found)

    def _note_joins(self) -> None:
        """JoinRooms that Redis has answered: the reading's mark comes behind what the channel says of them."""
        pending = self._room.agenda.pending.values()
        settling = {work.connection for work in pending if isinstance(work, Settling)}
        for joining in self._room.seats.joining.values():
            joining.is_heard |= joining.joined is not None or joining.connection in settling

    def restored(self, work: Reading, error: Exception | None) -> None:
        """The room was written again: who else is there?"""
        if not self._is_current(work):
            return
        if error is not None:
            self.failed(work, error)
        elif self._room.life is None:
            self._done()
        else:
            self._run(again=True)

    def failed(self, work: Reading, error: Exception) -> None:
        """Redis or SQL is away."""
        if self._is_current(work):
            self._pause(str(error))

    def marked(self) -> None:
        """The channel has said the mark."""
        if isinstance(self._state, _Marking):
            self._room.agenda.cancel_timer(Mark())
            self._finish(self._state.life, self._state.missed)

    def mark_overdue(self) -> None:
        """The channel has not said the mark in time."""
        self._pause("the channel is silent")

    def pause_over(self) -> None:
        """Try again."""
        self._ask()

    def _is_current(self, work: Reading) -> bool:
        return isinstance(self._state, _Asking) and work.mark == self._room.hearing.mark

    def _ask(self) -> None:
        self._state = _Asking()
        self._run(again=False)

    def _run(self, again: bool) -> None:
        mark = self._room.hub.names.token()
        self._room.hearing.begin_reading(mark)
        self._room.agenda.run(Read(mark=mark), Reading(mark, again))

    def _take(self, life: Life, found: answers.Reading) -> None:
        self._membership.show(life.mirror.snapshot(found.participants), Source.CHANNEL)
        self._membership.settled(found.summary)
        self._membership.recorded(found.summary.recording)
        self._await_mark()

    def _await_mark(self) -> None:
        missed = isinstance(self._state, _Asking) and self._state.missed
        if self._room.hearing.is_marked:
            self._finish(self._room.life, missed)
        else:
            self._state = _Marking(self._room.life, missed)
            self._room.agenda.set_timer(Mark(), self._room.agenda.now + MARK_WITHIN)

    def _finish(self, life: Life | None, missed: bool) -> None:
        if missed:
            self._wait()
        else:
            self._done(life)

    def _pause(self, error: str) -> None:
        self._room.agenda.warn("a room could not be read again yet", error=error)
        self._wait()

    def _wait(self) -> None:
        self._state = _Pausing()
        self._room.agenda.set_timer(ReadAgain(), self._room.agenda.now + READ_AGAIN)

    def _done(self, life: Life | None = None) -> None:
        """``life``: the meeting that was read. Of one that has begun since, the reading says nothing."""
        self._state = None
        self._room.hearing.end_reading()
        if self._room.life is life:
            self._room.unsaid.clear()
        if life is not None:
            life.since = None
        self._listening.replay()
