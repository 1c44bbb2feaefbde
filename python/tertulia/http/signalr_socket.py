"""SignalR over a WebSocket: picows' frames on one side, a link on the other. Messages may be cut across frames as
they like.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, cast

from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport

from tertulia.errors import Unavailable
from tertulia.http.websocket import WebSocketListener
from tertulia.hub import closing, metrics
from tertulia.hub.outbox import Outbox
from tertulia.signalr import handshake
from tertulia.signalr.connection import Phase
from tertulia.signalr.serve.asgi import Unauthorized
from tertulia.signalr.serve.link import Link

STUCK_AFTER: Final = 20.0
"""Seconds for which a client may not read at all."""

_TEXT, _BINARY = 0x81, 0x82
"""The first byte of a whole message (RFC 6455, section 5.2)."""
_CLEAN: Final = frozenset({WSCloseCode.NO_INFO, WSCloseCode.OK, WSCloseCode.GOING_AWAY})
_DATA: Final = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION})


def wire(frame: bytes, binary: bool) -> bytes:
    """A whole, unmasked WebSocket message (RFC 6455, section 5.2).

    Written straight to uvloop's transport, which sends at the end of the loop's turn what was written in it, with one
    system call for each socket; picows makes one for each message.
    """
    first = _BINARY if binary else _TEXT
    size = len(frame)
    if size < 126:
        head = bytes((first, size))
    elif size < 1 << 16:
        head = bytes((first, 126)) + size.to_bytes(2)
    else:
        head = bytes((first, 127)) + size.to_bytes(8)
    return head + frame


def _nowhere(data: bytes) -> None:
    """Where a socket sends before it is there, and once it is closed."""


class SignalRSocket(WebSocketListener):
    """One WebSocket (a :class:`tertulia.signalr.serve.link.Transport`).

    ``check``: what has to come out well before anything is read, where the upgrade could not wait for it.
    """

    __slots__ = (
        "_check",
        "_checking",
        "_closed",
        "_link",
        "_outbox",
        "_paused",
        "_refusal",
        "_send",
        "_stuck_timer",
        "_ws",
    )

    def __init__(self, link: Link, check: Callable[[], Awaitable[None]] | None = None) -> None:
        self._link = link
        self._check = check
        self._checking: asyncio.Task[None] | None = None
        self._refusal: bytes | None = None
        self._ws: WSTransport | None = None
        self._send: Callable[[bytes], None] = _nowhere
        self._closed = False
        self._outbox: Outbox[bytes] | None = None
        """What waits while the client does not read."""
        self._paused = False
        self._stuck_timer: asyncio.TimerHandle | None = None

    # --- the link's side

    def write(self, frame: bytes, binary: bool, latest: Hashable = None) -> None:
        self.write_wire(wire(frame, binary), latest)

    def write_wire(self, data: bytes, latest: Hashable = None) -> None:
        """Send a message as :func:`wire` made it: once for all who get it."""
        if self._outbox is None:
            self._send(data)
        elif not self._outbox.add(data, len(data), latest):
            self._stuck()

    def close(self, code: int, reason: str) -> None:
        if self._closed or self._ws is None:
            return
        while self._outbox is not None and (waiting := self._outbox.pop()) is not None:
            self._send(waiting)
        self._end()
        self._ws.send_close(cast("WSCloseCode", code), reason.encode()[:123])
        self._ws.disconnect()

    def pause(self) -> None:
        if self._ws is not None and not self._closed:
            self._ws.underlying_transport.pause_reading()

    def resume(self) -> None:
        if self._ws is not None and not self._closed:
            self._ws.underlying_transport.resume_reading()

    @property
    def congested(self) -> bool:
        return self._outbox is not None

    def shutdown(self) -> None:
        self._link.close(closing.GOING_AWAY.reason, allow_reconnect=True, code=closing.GOING_AWAY.code)

    # --- picows' side

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._ws = transport
        self._send = transport.underlying_transport.write
        if self._check is None:
            self._link.attach(self)
        else:
            self.pause()
            self._checking = asyncio.create_task(self._checked(self._check))

    async def _checked(self, check: Callable[[], Awaitable[None]]) -> None:
        try:
            await check()
        except (Unauthorized, Unavailable) as error:
            self._refusal = handshake.refusal(f"The credential is not accepted: {error}")
            self._abandon()
            self.resume()
            self._stuck_timer = asyncio.get_running_loop().call_later(STUCK_AFTER, self.close, 1000, "")
        else:
            if not self._closed:
                self._link.attach(self)
                self.resume()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closed:
            return
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._link.close(closing.PROTOCOL.reason, code=closing.PROTOCOL.code)
        elif self._refusal is not None:
            # Not before the client has asked: the npm client does not expect an answer yet.
            self.write(self._refusal, binary=False)
            self.close(1000, "")
        elif kind in _DATA:
            self._link.receive(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            self._goodbye(transport, frame.get_close_code())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end()
        if self._checking is not None and self._checking.cancel():
            self._abandon()
        self._link.detached(self, clean=False)

    def _abandon(self) -> None:
        """This socket will not be the link's. A new link ends with it; a stateful one goes on as it was."""
        if self._link.core.phase is Phase.HANDSHAKE:
            self._link.close()

    def pause_writing(self) -> None:
        """The transport's buffer is full (asyncio's high-water mark, 64 KiB)."""
        self._paused = True
        if self._outbox is None:
            self._outbox = Outbox()
        if self._stuck_timer is None and not self._closed:
            self._stuck_timer = asyncio.get_running_loop().call_later(STUCK_AFTER, self._stuck)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._paused = False
        self._cancel_timer()
        outbox = self._outbox
        while outbox is not None and self._ws is not None and not self._paused:
            waiting = outbox.pop()
            if waiting is None:
                metrics.DROPPED.inc(outbox.dropped)
                self._outbox = None
                self._link.drained()
                return
            self._send(waiting)

    def _goodbye(self, transport: WSTransport, code: WSCloseCode) -> None:
        """The client closes: said in kind, 1000 where it gave no code."""
        self._end()
        transport.send_close(WSCloseCode.OK if code is WSCloseCode.NO_INFO else code)
        transport.disconnect()
        self._link.detached(self, clean=code in _CLEAN)

    def _stuck(self) -> None:
        self._outbox = None
        metrics.STUCK.inc()
        self._link.close(closing.STUCK.reason, allow_reconnect=True, code=closing.STUCK.code)

    def _end(self) -> None:
        """Nothing more is sent or heard."""
        self._closed = True
        self._send = _nowhere
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
