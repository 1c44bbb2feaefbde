"""What bounds the memory of a WebSocket that has not proved anything: picows keeps a frame until it is whole."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tertulia.sockets.upgrade import WebSocketListener

MAX_BUFFER: Final = 64 * 1024
"""Bytes that picows may offer to read into: its buffer doubles when it is nearly full, so that as much waits in it."""


class Guard(asyncio.BufferedProtocol):
    """Stands between transport and picows' protocol until :attr:`.WebSocketListener.is_proven`, then steps aside."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """uvicorn hands the transport over."""
        self._transport = transport
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """uvicorn hands over the head of the request."""
        self._protocol.data_received(data)

    def get_buffer(self, sizehint: int) -> Any:
        """Where to read into."""
        return self._protocol.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have been read."""
        self._protocol.buffer_updated(nbytes)
        self.look()

    def look(self) -> None:
        """Refuse a large frame that is on its way, if its client may not send one; step aside for one that may."""
        protocol, transport = self._protocol, self._transport
        listener = protocol.listener
        if not isinstance(listener, WebSocketListener) or transport is None or transport.get_protocol() is not self:
            return
        if listener.is_proven:
            transport.set_protocol(protocol)
        elif not listener.is_wide and len(protocol.get_buffer(-1)) > MAX_BUFFER:
            listener.refuse_size()

    def eof_received(self) -> Any:
        """The client sends no more."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._protocol.connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn is stopping."""
        self._protocol.shutdown()
