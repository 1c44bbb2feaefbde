"""How fast HTTP connections are read: a thousand that send at once take turns."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tertulia.pace import Pace

MOST: Final = 16 * 1024
"""Bytes that are read at once: a connection that waits for its turn holds no more."""


class Paced(asyncio.BufferedProtocol):
    """Stands between transport and an HTTP protocol, until that gives the transport to another one."""

    _buffer: Final = memoryview(bytearray(MOST))
    """Of all connections: what is in it is copied before another one is read."""

    def __init__(self, protocol: asyncio.Protocol, pace: Pace) -> None:
        self._protocol = protocol
        self._pace = pace
        self._transport: asyncio.Transport | None = None
        """None: the connection is not made yet, or lost."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection."""
        self._transport = transport
        self._protocol.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were read."""
        data = bytes(self._buffer[:nbytes])
        if self._pace.has_room:
            self._pace.run(partial(self._protocol.data_received, data))
        elif (transport := self._open()) is not None:
            transport.pause_reading()
            self._pace.run(partial(self._go_on, data))

    def _go_on(self, data: bytes) -> None:
        if (transport := self._open()) is not None:
            transport.resume_reading()
            self._protocol.data_received(data)

    def _open(self) -> asyncio.Transport | None:
        return None if self._transport is None or self._transport.is_closing() else self._transport

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and what was not read yet with it."""
        self._transport = None
        self._protocol.connection_lost(exc)
