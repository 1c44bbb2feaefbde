"""SignalR over a WebSocket: picows' frames on one side, a link on the other. Frames need not be whole messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from picows import WSFrame, WSMsgType, WSTransport

from tertulia.errors import Unavailable
from tertulia.room import closing
from tertulia.signalr import handshake
from tertulia.signalr.connection import Phase
from tertulia.signalr.serve.asgi import Unauthorized
from tertulia.signalr.serve.link import Link
from tertulia.sockets.cork import Turn
from tertulia.sockets.outgoing import CLEAN, OutgoingSocket, wire

REFUSED_SECONDS: Final = 15.0
"""How long a client whose credential was refused may take to ask for the handshake, which is how it is told."""
_TEXT, _BINARY, _CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION


class SignalRSocket(OutgoingSocket):
    """One WebSocket (a :class:`tertulia.signalr.serve.link.Transport`).

    ``check``: what has to come out well before anything is read, where the upgrade could not wait for it.
    """

    __slots__ = ("_check", "_checking", "_link", "_refusal")

    def __init__(self, link: Link, turn: Turn, check: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(turn)
        self._link = link
        self._check = check
        self._checking: asyncio.Task[None] | None = None
        self._refusal: bytes | None = None

    # --- the link's side

    def write(self, frame: bytes, binary: bool, latest: Hashable = None) -> None:
        self.write_wire(wire(frame, binary), latest)

    def close(self, code: int, reason: str) -> None:
        self._hang_up(code, reason)

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
        self._begin(transport)
        if self._check is None:
            self._link.attach(self)
        else:
            self.pause()
            self._checking = asyncio.create_task(self._checked(self._check))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closed:
            return
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._link.close(closing.PROTOCOL.reason, code=closing.PROTOCOL.code)
        elif kind is WSMsgType.PING:
            self._pong(frame.get_payload_as_bytes())
        elif self._refusal is not None:
            # Not before the client has asked: the npm client does not expect an answer yet.
            self.write(self._refusal, binary=False)
            self.close(1000, "")
        elif kind is _TEXT or kind is _BINARY or kind is _CONTINUATION:
            self._link.receive(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._answer_close(code)
            self._link.detached(self, clean=code in CLEAN)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end(lost=True)
        if self._checking is not None and self._checking.cancel():
            self._abandon()
        self._link.detached(self, clean=False)

    # --- within

    async def _checked(self, check: Callable[[], Awaitable[None]]) -> None:
        try:
            await check()
        except (Unauthorized, Unavailable) as error:
            self._refusal = handshake.refusal(f"The credential is not accepted: {error}")
            self._abandon()
            self.resume()
            self._stuck_timer = asyncio.get_running_loop().call_later(REFUSED_SECONDS, self.close, 1000, "")
        else:
            if not self._closed:
                self._link.attach(self)
                self.resume()

    def _abandon(self) -> None:
        """This socket will not be the link's. A new link ends with it; a stateful one goes on as it was."""
        if self._link.core.phase is Phase.HANDSHAKE:
            self._link.close()

    def _caught_up(self) -> None:
        self._link.drained()

    def _stuck(self) -> None:
        self._link.close(closing.STUCK.reason, allow_reconnect=True, code=closing.STUCK.code)
