"""uvicorn's HTTP/1.1 with limits on a request's head: httptools accepts any number of headers, however slow."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request line and its headers."""
HEAD_SECONDS: Final = 15.0
"""How long a request's head may take to arrive. For the first request it counts from the connection's start."""


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request head is too large (431) or too slow."""

    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is open."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_size = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_url(self, url: bytes) -> None:
        """A part of the request target has come."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._end_timer()
        if self._head_size <= MAX_HEAD:
            super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._end_timer()
        super().connection_lost(exc)

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n")
            self.transport.close()
