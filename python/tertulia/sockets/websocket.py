"""WebSockets (RFC 6455): uvicorn's ``ws`` protocol class, on picows.

uvicorn parses the request and, where it asks for an upgrade, makes an object of the class, feeds it the request's head
again and gives it the transport. From there on picows reads frames and calls a listener; nothing is a task, nothing is
awaited. Which listener a path gets is a table: the plain dialect and SignalR put theirs into it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from multidict import CIMultiDict
from picows import (
    WSAutoPingStrategy,
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from uvicorn.config import Config
from uvicorn.server import ServerState

from tertulia.sockets.tcp import watch_peer

READ_BUFFER: Final = 2048
"""Bytes to begin with, the least picows takes: most calls fit, and ten thousand idle connections hold 20 MB. It grows
with the frame."""
MAX_FRAME: Final = 512 * 1024
"""Bytes of a frame's payload, unless said otherwise; a larger one closes with 1009 before it is read. The endpoints'
own bounds are lower, so that they can say what is wrong in their own way."""
MAX_HEAD: Final = 16 * 1024
"""Bytes of the request head, which picows keeps whole."""
LINGER: Final = 2.0
"""Seconds to read on after the last word: a socket closed with unread input is reset, and the last word lost with
it."""
UNSENT: Final = 64 * 1024
"""Bytes that the kernel takes beyond what it can send (tcp(7), TCP_NOTSENT_LOWAT): what a slow reader has not got waits
here, where the stale can be dropped, not in megabytes of kernel buffers."""

_log: Final = logging.LoggerAdapter(logging.getLogger("tertulia.websocket"))
"""An adapter: picows makes a logger for each connection if it is given a plain one."""
_log.logger.setLevel(logging.CRITICAL)  # its lines are of what clients do wrong, which the close code tells them


class Upgrade(NamedTuple):
    """A request to upgrade. ``query`` is as sent, without the question mark: it may hold secrets, do not log it."""

    path: str
    query: str
    headers: CIMultiDict[str]
    client: str
    """The peer's IP address."""


class Refusal(NamedTuple):
    """An HTTP answer instead of a WebSocket."""

    status: HTTPStatus
    text: str


class WebSocketListener(WSListener):
    """What an endpoint returns: picows' callbacks, and :meth:`shutdown`."""

    __slots__ = ()

    def shutdown(self) -> None:
        """The server stops: close with 1012."""


Endpoint = Callable[[Upgrade], WebSocketListener | Refusal]


class Routes(NamedTuple):
    """Which path is whose, and from which origins browsers may come (``*``: from any; its own is always allowed)."""

    endpoints: Mapping[str, Endpoint]
    origins: Collection[str]
    max_frame: int

    def open(self, request: WSUpgradeRequest, client: str) -> WebSocketListener | Refusal:
        """The listener of the path, if there is one and the origin may have it."""
        path, _, query = request.path.decode("latin-1").partition("?")
        path = unquote(path)
        endpoint = self.endpoints.get(path)
        if endpoint is None:
            return Refusal(HTTPStatus.NOT_FOUND, "no WebSocket is served here")
        if not self._admits(request.headers):
            return Refusal(HTTPStatus.FORBIDDEN, "this origin is not allowed")
        return endpoint(Upgrade(path, query, request.headers, client))

    def _admits(self, headers: CIMultiDict[str]) -> bool:
        """RFC 6455, section 10.2; only browsers send an origin, and pages cannot make them lie."""
        origin = headers.get("Origin")
        if origin is None or "*" in self.origins or origin.lower() in self.origins:
            return True
        return urlsplit(origin).netloc.lower() == headers.get("Host", "").lower() != ""


def protocol_class(endpoints: Mapping[str, Endpoint], origins: Collection[str], max_frame: int = MAX_FRAME) -> Any:
    """For uvicorn's ``Config(ws=…)``."""
    routes = Routes(endpoints, frozenset(o.lower() for o in origins), max_frame)
    return functools.partial(WebSocketProtocol, routes)


class WebSocketProtocol(WSProtocol):  # type: ignore[misc]
    """One connection from its upgrade on."""

    def __init__(self, routes: Routes, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(
            None,  # host and port: a client's
            None,  # path: a client's
            False,  # is_client_side
            self._open,
            _log,
            True,  # disconnect_on_exception
            None,  # handshake timeout: the request is here already
            False,  # no pings of our own
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # pings are for the listener to answer: what answers them must be bounded as all else is
            routes.max_frame,
            None,  # extra headers: a client's
            READ_BUFFER,
        )
        self._routes = routes
        self._connections: set[Any] = server_state.connections
        self._client = ""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """uvicorn hands the transport over."""
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self._client = str(peer[0]) if isinstance(peer, tuple) else ""
        sock = transport.get_extra_info("socket")
        watch_peer(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        super().connection_made(_Lingering(transport, self))

    def data_received(self, data: bytes) -> None:
        """uvicorn hands the request's head over; what comes later goes into picows' own buffer."""
        if len(data) > MAX_HEAD:
            self.transport.underlying_transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            self.transport.disconnect()
            return
        rest = memoryview(data)
        while rest:
            buffer = self.get_buffer(-1)
            size = min(len(buffer), len(rest))
            buffer[:size] = rest[:size]
            self.buffer_updated(size)
            rest = rest[size:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._connections.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self.listener is not None:
            self.listener.shutdown()
        else:
            self.transport.disconnect()

    def _open(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        request.headers["Connection"] = "upgrade"  # picows wants it alone; uvicorn has found it among what was sent
        try:
            opened = self._routes.open(request, self._client)
        except Exception:
            logging.getLogger(__name__).exception("a WebSocket could not be opened")
            opened = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on the server")
        if isinstance(opened, WebSocketListener):
            return opened
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        response = WSUpgradeResponse.create_error_response(opened.status, opened.text.encode(), headers)
        return WSUpgradeResponseWithListener(response, None)


class _Lingering:
    """The transport as picows sees it: to close means to say no more, and to read on until the peer has heard it."""

    def __init__(self, transport: asyncio.Transport, protocol: WebSocketProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self.write = transport.write
        self.writelines = transport.writelines
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.get_extra_info = transport.get_extra_info
        self.abort = transport.abort

    def pause_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        handshake = self._protocol.transport.close_handshake
        if self._transport.is_closing() or isinstance(self._transport.get_protocol(), _Drain):
            return
        if handshake is None or handshake.recv is not None:
            self._transport.close()
        else:
            self._transport.set_protocol(_Drain(self._transport, self._protocol))


class _Drain(asyncio.BufferedProtocol):
    """Throws away what comes, for a while, then ends the connection."""

    _nowhere: Final = bytearray(64 * 1024)

    def __init__(self, transport: asyncio.Transport, protocol: WebSocketProtocol) -> None:
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
