"""What has been heard on a room's channel and has to wait: until the room is known, and while it is read from Redis."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from tertulia.room.messages import EndedMessage, EventMessage, HandoverMessage, ReadMessage, RoomMessage

MAX_BACKLOG: Final = 10_000
"""Messages kept while the room is being read: seconds' worth of a very busy room. Beyond it the room is read again."""


class Hearing:
    """Messages in the order of the channel. Of the room itself, what was said before it was read is old."""

    __slots__ = ("_backlog", "_mark", "is_marked", "is_reading", "overflowed")

    def __init__(self) -> None:
        self.is_reading = False
        """Messages wait, because the room is being read."""
        self.is_marked = False
        """The channel has said the mark of the reading."""
        self.overflowed = False
        """Too many waited: some are gone, and the room has to be read."""
        self._mark = ""
        self._backlog: deque[RoomMessage] = deque()

    @property
    def mark(self) -> str:
        """The mark of the last reading."""
        return self._mark

    def begin_reading(self, mark: str) -> None:
        """From now on messages wait. The script that reads the room says ``mark`` on the channel."""
        self.is_reading = True
        self.is_marked = False
        self.overflowed = False
        self._mark = mark

    def end_reading(self) -> None:
        """The room was read, or nobody needs it any more."""
        self.is_reading = False

    def keep(self, message: RoomMessage) -> None:
        """This one waits."""
        if isinstance(message, ReadMessage) and message.mark == self._mark:
            self.is_marked = True
        if len(self._backlog) < MAX_BACKLOG:
            self._backlog.append(message)
        else:
            self._backlog.clear()
            self.overflowed = True

    def take(self) -> Iterator[RoomMessage]:
        """What has waited and still counts, the oldest first; the caller may stop at any time, the rest waits on."""
        is_old = any(isinstance(m, ReadMessage) and m.mark == self._mark for m in self._backlog)
        while self._backlog:
            message = self._backlog.popleft()
            if isinstance(message, ReadMessage) and message.mark == self._mark:
                is_old = False
            elif not is_old or isinstance(message, EventMessage | HandoverMessage | EndedMessage):
                yield message

    def forget(self) -> None:
        """What waits is of no use any more."""
        self._backlog.clear()
        self.overflowed = False
