"""How a WebSocket's TCP connection ends: a socket closed with unread input is reset, and its last words lost."""

from __future__ import annotations

import asyncio
from typing import Final

from picows.picows import WSProtocol  # type: ignore[attr-defined]

LINGER: Final = 2.0
"""Seconds to read on after the last word."""


class Lingering:
    """A transport as picows sees it, which to close means to send no more and to read on until the peer has closed."""

    def __init__(self, transport: asyncio.Transport, protocol: WSProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self.write = transport.write
        self.writelines = transport.writelines
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.get_extra_info = transport.get_extra_info
        self.get_protocol = transport.get_protocol
        self.abort = transport.abort

    def pause_reading(self) -> None:
        """Read nothing more for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close at once if the peer has closed too, else linger."""
        handshake = self._protocol.transport.close_handshake
        if self._transport.is_closing() or isinstance(self._transport.get_protocol(), _Drain):
            return
        if handshake is None or handshake.recv is not None:
            self._transport.close()
        else:
            self._transport.set_protocol(_Drain(self._transport, self._protocol))


class _Drain(asyncio.BufferedProtocol):
    """Discards what arrives, for LINGER seconds at most, then ends the connection."""

    _nowhere: Final = bytearray(64 * 1024)

    def __init__(self, transport: asyncio.Transport, protocol: WSProtocol) -> None:
        self._protocol = protocol
        self._timer = asyncio.get_running_loop().call_later(LINGER, transport.abort)
        if transport.can_write_eof():
            transport.write_eof()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._nowhere

    def buffer_updated(self, nbytes: int) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._protocol.connection_lost(exc)
