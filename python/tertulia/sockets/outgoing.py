"""The sending half of a WebSocket: corked for the turn, bounded while nobody reads, closed if that lasts. And when the
other half is not read."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Final, cast

from picows import WSCloseCode, WSTransport

from tertulia.hub import metrics
from tertulia.room.outbox import Outbox
from tertulia.sockets import deflate
from tertulia.sockets.cork import Cork, Turn
from tertulia.sockets.guard import Guard
from tertulia.sockets.upgrade import WebSocketListener

STUCK_AFTER: Final = 20.0
"""Seconds that a client has to catch up (to asyncio's low-water mark, 16 KiB): long enough for a phone in a tunnel, too
short for a stopped process."""
HOLD_SECONDS: Final = 0.25
"""How long nothing is read from a client that sends more than it may: what it sends meanwhile stays with it, and costs
others no time."""
CLEAN: Final = frozenset({WSCloseCode.NO_INFO, WSCloseCode.OK, WSCloseCode.GOING_AWAY})
"""Close codes with which a client leaves on purpose."""
_TEXT, _BINARY, _PONG = 0x81, 0x82, 0x8A
"""The first byte of a whole message (RFC 6455, section 5.2)."""
_DEFLATED = 0x40
"""The bit of it that says that the message is compressed (RFC 7692, section 6)."""


def wire(message: bytes, binary: bool, *, deflates: bool = False) -> bytes:
    """A whole, unmasked WebSocket message (RFC 6455, section 5.2): the same bytes for everyone who gets it.
    ``deflates``: everyone takes compressed ones."""
    first = _BINARY if binary else _TEXT
    if deflates and len(message) >= deflate.WORTH:
        message = deflate.deflated(message)
        first |= _DEFLATED
    size = len(message)
    if size < 126:
        head = bytes((first, size))
    elif size < 1 << 16:
        head = bytes((first, 126)) + size.to_bytes(2)
    else:
        head = bytes((first, 127)) + size.to_bytes(8)
    return head + message


def _nowhere(data: bytes) -> None:
    """What a socket sends with before it is open and after it is lost."""


class OutgoingSocket(WebSocketListener, ABC):
    """Sends for one client. ``turn``: the one of this event loop."""

    __slots__ = (
        *("_closed", "_cork", "_dropped", "_held", "_outbox", "_paused", "_reads", "_send", "_stuck_timer", "_turn"),
        "_ws",
    )

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._ws: WSTransport | None = None
        self._cork: Cork | None = None
        self._send: Callable[[bytes], None] = _nowhere
        self._closed = False
        self._outbox: Outbox[bytes] | None = None
        """What waits while the client does not read; None while it does."""
        self._dropped = False
        self._paused = False
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._reads = True
        """Unless it is held."""
        self._held: asyncio.TimerHandle | None = None

    def write_wire(self, data: bytes, latest: Hashable = None) -> bool:
        """Send a message as :func:`wire` made it. ``latest``: see :class:`tertulia.room.events.Event`. False: the one
        before with the same ``latest`` still waited, and was dropped for it."""
        outbox = self._outbox
        if outbox is None:
            self._send(data)
            return True
        dropped = outbox.dropped
        if not outbox.add(data, len(data), latest):
            self._give_up()
        return outbox.dropped == dropped

    @property
    def unsent(self) -> bool:
        """Whether something waits, or was dropped."""
        return self._dropped or self._outbox is not None

    def pause_writing(self) -> None:
        """The transport's buffer is full (asyncio's high-water mark, 64 KiB)."""
        if self._closed:
            self._dropped = True  # the last messages may not arrive
            return
        self._paused = True
        if self._outbox is None:
            self._outbox = Outbox()
        if self._stuck_timer is None:
            self._stuck_timer = asyncio.get_running_loop().call_later(STUCK_AFTER, self._give_up)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._paused = False
        self._cancel_timer()
        outbox = self._outbox
        while outbox is not None and not self._paused:
            waiting = outbox.pop()
            if waiting is None:
                metrics.DROPPED.inc(outbox.dropped)
                self._outbox = None
                self._caught_up()
                return
            self._send(waiting)
            if self._cork is not None:
                self._cork.flush()  # or the transport could not say before the end of the turn that it is full

    def pause(self) -> None:
        """Read nothing more for now."""
        self._reads = False
        self._read_or_not()

    def resume(self) -> None:
        """Read again."""
        self._reads = True
        self._read_or_not()

    def hold(self) -> None:
        """Read nothing more for a moment: the client sends more than it may."""
        if self._held is None:
            self._held = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._let_go)
            self._read_or_not()

    def narrowed(self) -> None:
        """Its client may not send large frames any more, nor finish one that it has begun."""
        guard = None if self._ws is None else self._ws.underlying_transport.get_protocol()
        if isinstance(guard, Guard):
            guard.look()

    # --- for the socket of a dialect

    def _pong(self, payload: bytes) -> None:
        """Answer a ping, whose ``payload`` has at most 125 bytes (picows checks). Only the newest has to be answered
        (RFC 6455, section 5.5.3)."""
        self.write_wire(bytes((_PONG, len(payload))) + payload, "pong")

    def _pulse(self) -> None:
        """Send a pong that nobody has asked for: proxies see that the connection lives (RFC 6455, section 5.5.3)."""
        self.write_wire(bytes((_PONG, 0)), "pulse")

    def _caught_up(self) -> None:
        """Nothing waits any more."""

    @abstractmethod
    def _stuck(self) -> None:
        """Close: the client does not read."""

    def _begin(self, transport: WSTransport) -> None:
        """The WebSocket is open."""
        self._ws = transport
        self._cork = Cork(self._turn, transport.underlying_transport.write)
        self._send = self._cork.write

    def _hang_up(self, code: int, reason: str) -> None:
        """Send what waits, then a close frame."""
        if self._closed or self._ws is None:
            return
        while self._outbox is not None and (waiting := self._outbox.pop()) is not None:
            self._send(waiting)
        self._end()
        self._ws.send_close(cast("WSCloseCode", code), reason.encode()[:123])  # an int is taken as well
        self._ws.disconnect()

    def _answer_close(self, code: WSCloseCode) -> None:
        """Answer the client's close frame with its code, or 1000 if it had none: picows cannot send an empty one."""
        self._end()
        if self._ws is not None:
            self._ws.send_close(WSCloseCode.OK if code is WSCloseCode.NO_INFO else code)
            self._ws.disconnect()

    def _end(self, *, lost: bool = False) -> None:
        """Send and receive nothing more. ``lost``: the connection is gone, so what is corked cannot be sent either."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        if not lost:
            self.resume()  # what is unread when a socket is closed takes the last words with it
        self._closed = True
        self._cancel_timer()
        self._send = _nowhere if lost else self._drop
        self._dropped = self.unsent
        self._outbox = None
        if self._cork is not None:
            if lost:
                self._cork.drop()
            else:
                self._cork.flush()
            self._cork = None

    def _let_go(self) -> None:
        self._held = None
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self._ws is None or self._closed:
            return
        if self._reads and self._held is None:
            self._ws.underlying_transport.resume_reading()
        else:
            self._ws.underlying_transport.pause_reading()

    def _drop(self, data: bytes) -> None:
        """What a socket sends with between the close frame and the end of the connection."""
        self._dropped = True

    def _give_up(self) -> None:
        self._outbox = None
        self._dropped = True
        metrics.STUCK.inc()
        self._stuck()

    def _cancel_timer(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
