"""What this hub hears on a room's channel: in order, and nothing of the room itself while that is read from Redis."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from tertulia.errors import Malformed
from tertulia.ids import SessionId
from tertulia.room import messages
from tertulia.room.events import Event
from tertulia.room.messages import (
    EndedMessage,
    EventMessage,
    HandMessage,
    HandoverMessage,
    JoinedMessage,
    LeftMessage,
    NodeMessage,
    ReadMessage,
    RecordingMessage,
    RoomMessage,
    StateMessage,
)
from tertulia.room.missed import Missed

if TYPE_CHECKING:
    from tertulia.hub.live import LiveRoom

MAX_BACKLOG: Final = 10_000
"""Messages kept while the room is being read: seconds' worth of a very busy room. Beyond it the room is read again."""

_log = structlog.get_logger(__name__)


class Hearing:
    """Tells a :class:`~tertulia.hub.live.LiveRoom` what the channel says; messages wait until its mirror is made, and
    while it is read."""

    def __init__(self, live: LiveRoom, on_lost: Callable[[LiveRoom], None]) -> None:
        """``on_lost``: the room has to be read again from Redis."""
        self._live = live
        self._on_lost = on_lost
        self._is_reading = False
        self._backlog: deque[RoomMessage] = deque()
        self._mark = ""
        self._marked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_message(self, data: bytes) -> None:
        """A message of the room's channel."""
        try:
            message = messages.decode(data)
        except Malformed as e:
            _log.warning("room message ignored", room=self._live.id, error=e.message)
            return
        if self._live.mirror is not None and not self._is_reading:
            self._handle(message)
            return
        if isinstance(message, ReadMessage) and message.mark == self._mark and not self._marked.done():
            self._marked.set_result(None)
        if len(self._backlog) < MAX_BACKLOG:
            self._backlog.append(message)
        else:
            self._backlog.clear()
            self._on_lost(self._live)

    def begin_reading(self, mark: str) -> asyncio.Future[None]:
        """From now on messages wait. The future is done when the channel has said ``mark``."""
        self._is_reading = True
        self._mark = mark
        self._marked = asyncio.get_running_loop().create_future()
        return self._marked

    def end_reading(self) -> None:
        """The room was read, or nobody needs it any more: handle what has waited."""
        self._is_reading = False
        self._marked.cancel()
        self.replay()

    def replay(self) -> None:
        """Handle what has waited. Of the room itself, what was said before it was read is old."""
        if self._live.mirror is None or self._is_reading:
            return
        is_old = any(isinstance(m, ReadMessage) and m.mark == self._mark for m in self._backlog)
        while self._backlog and self._live.mirror is not None:
            message = self._backlog.popleft()
            if isinstance(message, ReadMessage) and message.mark == self._mark:
                is_old = False
            elif not is_old or isinstance(message, EventMessage | HandoverMessage | EndedMessage):
                self._handle(message)

    def forget(self) -> None:
        """What waits is of no use any more."""
        self._backlog.clear()

    def _handle(self, message: RoomMessage) -> None:
        live = self._live
        own = message.origin == live.hub_id
        if isinstance(message, EventMessage):
            if not own:
                live.relay(message)
        elif isinstance(message, JoinedMessage | LeftMessage | StateMessage | HandMessage):
            live.heard(message, own)
        elif isinstance(message, EndedMessage):
            live.ended(SessionId(message.session_id), message.reason)
        elif isinstance(message, RecordingMessage):
            live.recording(message.is_recording)
        elif isinstance(message, NodeMessage):
            live.moved(message.sfu_node, message.sfu_region)
        elif isinstance(message, HandoverMessage):
            live.hand_over(message.connection_id, _missed(message))


def _missed(message: HandoverMessage) -> Missed:
    missed = Missed(message.missed)
    for name, payload in message.frames:
        missed.add(Event(name, payload))
    return missed
