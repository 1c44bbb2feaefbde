"""uvicorn's HTTP/1.1 protocol, with bounds on the head of a request, and with upgrades declined that we do not know."""

from __future__ import annotations

import asyncio
from array import array
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

MAX_HEAD: Final = 64 * 1024
"""Bytes of request line and headers: httptools itself accepts any number of headers."""
HEAD_SECONDS: Final = 15.0
"""How long a connection may take from its first byte to the end of the headers."""
KEEP_ALIVE_SECONDS: Final = 75
"""How long a connection may be idle between requests: longer than those of load balancers (60 s), so that none sends a
request on a connection that is being closed."""
_UPGRADE: Final = frozenset({b"upgrade", b"http2-settings"})


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request head is too large (431) or too slow."""

    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None
    parser: _Parser
    _declined: bytes | None = None
    """The head of the request that is being read, without the upgrade that it offers."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser = _Parser(self)
        self.timeout_keep_alive = KEEP_ALIVE_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that sends nothing is as slow as one that sends slowly."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_size = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._end_timer()
        if self._head_size > MAX_HEAD:
            return
        if self._offers_unknown_upgrade():
            self._declined = self._head_without_upgrade()
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete, unless it is about to be read again."""
        if self._declined is None:
            super().on_message_complete()

    def take_declined(self) -> bytes | None:
        """The head to read in place of one that offered an upgrade, if it did; by a new parser."""
        head, self._declined = self._declined, None
        if head is not None:
            self.parser = _Parser(self)
        return head

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing waits for a connection that is gone."""
        self._end_timer()
        super().connection_lost(exc)

    def _offers_unknown_upgrade(self) -> bool:
        # To the parser CONNECT is an upgrade, too.
        is_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        return is_upgrade and not self._should_upgrade()

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        for name, value in self.headers:
            if name == b"connection":
                options = [option.strip() for option in value.split(b",")]
                value = b", ".join(option for option in options if option.lower() not in _UPGRADE)  # noqa: PLW2901
            if name not in _UPGRADE and (value or name != b"connection"):
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n")
            self.transport.close()


class _Parser(httptools.HttpRequestParser):
    """Reads a request that offers an upgrade to what we do not speak (h2c, of the JDK and curl) as if it did not, which
    RFC 9110 allows (section 7.8). llhttp takes what follows such a head for the other protocol's, a body included."""

    def __init__(self, protocol: BoundedHttp) -> None:
        super().__init__(protocol)
        # As uvicorn: a client may send more behind a request after which the connection is closed.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
        self._protocol = protocol

    def feed_data(self, data: bytes | bytearray | memoryview[int] | array[int]) -> None:
        """Parse ``data``. Raises HttpParserError, HttpParserUpgrade."""
        parser, rest = self, memoryview(data)
        while True:
            try:
                parser.feed_one(rest)
            except httptools.HttpParserUpgrade as offer:
                head = self._protocol.take_declined()
                if head is None:
                    raise
                parser = self._protocol.parser
                parser.feed_one(head)
                rest = rest[offer.args[0] :]
            else:
                return

    def feed_one(self, data: bytes | memoryview[int]) -> None:
        """Parse ``data`` up to an upgrade that is offered."""
        super().feed_data(data)
