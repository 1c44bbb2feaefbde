"""SignalR over a WebSocket: picows' frames in, bytes for the connection out. A frame need not be a whole message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from picows import WSFrame, WSMsgType, WSTransport

from tertulia.errors import Unavailable
from tertulia.room import closing
from tertulia.signalr import handshake
from tertulia.signalr.connection import Phase
from tertulia.signalr.serve.asgi import TooManyRequests, Unauthorized
from tertulia.signalr.serve.connection import HubConnection
from tertulia.sockets.cork import Turn
from tertulia.sockets.outgoing import CLEAN, OutgoingSocket, wire

MAX_EARLY_FRAMES: Final = 500
"""Frames that a client may send before the handshake is done, pings too: from then on the hub counts."""
REFUSED_SECONDS: Final = 15.0
"""How long a client whose credential was refused may take to send the handshake, in answer to which it is told."""
Check = Callable[[], Awaitable[str | None]]
"""Gives who is there; raises Unauthorized, TooManyRequests or Unavailable."""

_log = structlog.get_logger(__name__)
_TEXT, _BINARY, _CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION


class SignalRSocket(OutgoingSocket):
    """One WebSocket (a :class:`tertulia.signalr.serve.transport.Transport`).

    ``check``: what has to succeed before anything is read, where the upgrade could not wait for it.
    """

    __slots__ = ("_check", "_checking", "_connection", "_early", "_refusal")

    def __init__(self, connection: HubConnection, turn: Turn, check: Check | None = None) -> None:
        super().__init__(turn)
        self._connection = connection
        self._check = check
        self._checking: asyncio.Task[None] | None = None
        self._refusal: bytes | None = None
        self._early = 0
        """Frames that came before the handshake was done."""

    # --- the connection's side

    def write(self, frame: bytes, binary: bool) -> None:
        """Send one message."""
        self.write_wire(wire(frame, binary))

    def close(self, code: int, reason: str) -> None:
        """Send what waits, then close."""
        self._hang_up(code, reason)

    @property
    def congested(self) -> bool:
        """Whether the client does not keep up."""
        return self._outbox is not None

    @property
    def connection_id(self) -> str:
        """The public connectionId."""
        return self._connection.id

    @property
    def caller(self) -> str | None:
        """Who holds the credential that came with the upgrade, if it proves itself."""
        return None if self._connection.user is None else str(self._connection.user)

    @property
    def is_wide(self) -> bool:
        """Whether a JoinRoom is under way, or had a good token."""
        return self._connection.core.is_wide

    @property
    def is_proven(self) -> bool:
        """Whether it has joined a room."""
        place = self._connection.place
        return self.is_wide and (place is None or not place.is_held)

    def refuse_size(self) -> None:
        """A frame is too large for a client that has not joined."""
        self._connection.close(closing.TOO_BIG_YET.reason, code=closing.TOO_BIG_YET.code)

    def shutdown(self) -> None:
        """The server is stopping."""
        self._connection.close(closing.GOING_AWAY.reason, allow_reconnect=True, code=closing.GOING_AWAY.code)

    # --- picows' side

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The WebSocket is open."""
        self._begin(transport)
        if self._check is None:
            self._connection.attach(self)
        else:
            self.pause()
            self._checking = asyncio.create_task(self._checked(self._check))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame."""
        if self._closed:
            return
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._connection.close(closing.PROTOCOL.reason, code=closing.PROTOCOL.code)
        elif self._connection.core.meter is None and self._is_one_too_many():
            self.close(*closing.RATE_LIMITED)
        elif kind is WSMsgType.PING or kind is WSMsgType.PONG:
            self._control(frame, kind)
        elif self._refusal is not None:
            # Not before the client has sent its own: the npm client does not expect an answer earlier.
            self.write(self._refusal, binary=False)
            self.close(1000, "")
        elif kind is _TEXT or kind is _BINARY or kind is _CONTINUATION:
            self._connection.receive(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._answer_close(code)
            self._connection.detached(self, clean=code in CLEAN)

    def _is_one_too_many(self) -> bool:
        self._early += 1
        return self._early > MAX_EARLY_FRAMES

    def _control(self, frame: WSFrame, kind: WSMsgType) -> None:
        meter = self._connection.core.meter
        if (meter is None or meter(b"")) and kind is WSMsgType.PING:
            self._pong(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        self._end(lost=True)
        if self._checking is not None and self._checking.cancel():
            self._abandon()
        self._connection.detached(self, clean=False)

    # --- within

    async def _checked(self, check: Check) -> None:
        try:
            self._connection.user = await check()
        except (TooManyRequests, Unauthorized, Unavailable) as error:
            _log.info("the credential of a WebSocket is not accepted", connection=self._connection.id)
            self._refusal = handshake.refusal(f"The credential is not accepted: {error}")
            self._abandon()
            self.resume()
            self._stuck_timer = asyncio.get_running_loop().call_later(REFUSED_SECONDS, self.close, 1000, "")
        except Exception:  # noqa: BLE001 - nobody waits for this task: the client is told, the log too
            _log.exception("the credential of a WebSocket could not be checked", connection=self._connection.id)
            self._abandon()
            self.resume()
            self.close(*closing.FAULT)
        else:
            _log.info("the credential of a WebSocket is accepted", connection=self._connection.id, by=self.caller)
            if self._connection.core.phase is Phase.CLOSED:
                self.resume()
                self.close(*closing.GOING_AWAY)
            elif not self._closed:
                self._connection.attach(self)
                self.resume()

    def _abandon(self) -> None:
        """This socket will not be the connection's. A new connection ends with it; a stateful one goes on as it was."""
        if self._connection.core.phase is Phase.HANDSHAKE:
            self._connection.close()

    def _caught_up(self) -> None:
        self._connection.drained()

    def _stuck(self) -> None:
        self._connection.close(closing.STUCK.reason, allow_reconnect=True, code=closing.STUCK.code)
