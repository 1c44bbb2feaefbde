"""The plain dialect over a WebSocket: picows' frames on one side, the hub on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Final, cast

from msgspec import Struct
from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport

from tertulia.http.websocket import Upgrade, WebSocketListener
from tertulia.hub import closing, metrics, plain
from tertulia.hub.client import CallId, Event
from tertulia.hub.hub import Hub
from tertulia.hub.outbox import Outbox
from tertulia.ids import ConnectionId, new_token

STUCK_AFTER: Final = 20.0
"""Seconds for which a client may not read at all: a phone in a tunnel gets through, a stopped process does not."""

_CLEAN: Final = frozenset({WSCloseCode.NO_INFO, WSCloseCode.OK, WSCloseCode.GOING_AWAY})


def endpoint(hub: Hub) -> Callable[[Upgrade], PlainSocket]:
    """What serves the plain dialect."""
    return lambda _: PlainSocket(hub)


class PlainSocket(WebSocketListener):
    """One client of the plain dialect (a :class:`tertulia.hub.client.Client`)."""

    __slots__ = ("_closed", "_hub", "_id", "_outbox", "_parts", "_paused", "_size", "_stuck_timer", "_ws")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._id = ConnectionId(new_token("c_"))
        self._ws: WSTransport | None = None
        self._closed = False
        self._parts: list[bytes] | None = None
        """The fragments of a message that is not whole yet, ``_size`` bytes."""
        self._size = 0
        self._outbox: Outbox[bytes] | None = None
        """What waits while the client does not read."""
        self._paused = False
        self._stuck_timer: asyncio.TimerHandle | None = None

    # --- the hub's side

    @property
    def id(self) -> ConnectionId:
        return self._id

    def send(self, event: Event) -> None:
        self._write(event.frame(plain.DIALECT, plain.event_frame), event.latest)

    def reply(self, call: CallId, result: Struct) -> None:
        frame = plain.reply_frame(call, result)
        if frame is not None:
            self._write(frame)

    def refuse(self, call: CallId, error: Exception) -> None:
        self._write(plain.refusal_frame(call, error))

    def close(self, code: int, reason: str) -> None:
        if self._closed or self._ws is None:
            return
        self._closed = True
        self._cancel_timer()
        while self._outbox is not None and (frame := self._outbox.pop()) is not None:
            self._ws.send(WSMsgType.TEXT, frame)
        self._ws.send_close(cast("WSCloseCode", code), reason.encode())  # an int is taken as well
        self._ws.disconnect()

    def shutdown(self) -> None:
        self.close(*closing.GOING_AWAY)

    # --- picows' side

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._ws = transport
        self._hub.connected(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closed:
            return
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.close(*closing.PROTOCOL)
        elif frame.payload_size > plain.MAX_FRAME:
            self.close(*closing.TOO_BIG)
        elif kind is WSMsgType.TEXT and frame.fin and self._parts is None:
            self._message(frame.get_payload_as_bytes())
        elif kind is WSMsgType.TEXT or kind is WSMsgType.CONTINUATION:
            self._fragment(frame)
        elif kind is WSMsgType.BINARY:
            self.close(*closing.BINARY)
        elif kind is WSMsgType.CLOSE:
            self._goodbye(transport, frame.get_close_code())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._closed = True
        self._cancel_timer()
        self._hub.disconnected(self, clean=False)

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
            frame = outbox.pop()
            if frame is None:
                metrics.DROPPED.inc(outbox.dropped)
                self._outbox = None
                return
            self._ws.send(WSMsgType.TEXT, frame)

    def _write(self, frame: bytes, latest: Hashable = None) -> None:
        if self._closed or self._ws is None:
            return
        if self._outbox is None:
            self._ws.send(WSMsgType.TEXT, frame)
        elif not self._outbox.add(frame, len(frame), latest):
            self._stuck()

    def _message(self, data: bytes) -> None:
        try:
            call = plain.parse(data)
        except plain.BadText:
            self.close(*closing.BAD_TEXT)
            return
        if call.error is None:
            self._hub.call(self, call.id, call.event, call.payload)
        else:
            self._hub.malformed(self, call.id, call.error)

    def _fragment(self, frame: WSFrame) -> None:
        """RFC 6455, section 5.4."""
        if (frame.msg_type is WSMsgType.CONTINUATION) == (self._parts is None):
            self.close(*closing.PROTOCOL)
            return
        if self._parts is None:
            self._parts = []
            self._size = 0
        self._size += frame.payload_size
        if self._size > plain.MAX_FRAME:
            self.close(*closing.TOO_BIG)
            return
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            data = b"".join(self._parts)
            self._parts = None
            self._message(data)

    def _goodbye(self, transport: WSTransport, code: WSCloseCode) -> None:
        """The client closes: said in kind, 1000 where it gave no code (picows cannot send an empty close frame)."""
        self._closed = True
        self._cancel_timer()
        transport.send_close(WSCloseCode.OK if code is WSCloseCode.NO_INFO else code)
        transport.disconnect()
        self._hub.disconnected(self, clean=code in _CLEAN)

    def _stuck(self) -> None:
        self._outbox = None
        metrics.STUCK.inc()
        self.close(*closing.STUCK)

    def _cancel_timer(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
