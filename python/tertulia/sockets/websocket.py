"""WebSockets (RFC 6455): uvicorn's ``ws`` protocol class, on picows.

uvicorn parses the request and, where it asks for an upgrade, makes an object of the class, feeds it the head of the
request again and gives it the transport. From then on picows reads frames and calls a listener; there are no tasks, and
nothing is awaited. :mod:`.upgrade` says which listener a path gets.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from picows import (
    WSAutoPingStrategy,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol, _validate_upgrade_request  # type: ignore[attr-defined]
from uvicorn.config import Config
from uvicorn.server import ServerState

from tertulia.ids import new_token
from tertulia.senders import Origins, Proxies
from tertulia.sockets import deflate
from tertulia.sockets.guard import Guard
from tertulia.sockets.lingering import Lingering
from tertulia.sockets.tcp import enable_keepalive
from tertulia.sockets.upgrade import Endpoint, Refusal, Routes, WebSocketListener

READ_BUFFER: Final = 2048
"""Bytes to begin with, the least that picows accepts: most calls fit, and ten thousand idle connections hold 20 MB. It
grows with the frame."""
MAX_FRAME: Final = 512 * 1024
"""Bytes of a frame's payload, unless configured; a larger frame closes the connection with 1009 before it is read. The
endpoints' own bounds are lower, so that each can say in its own way what is wrong."""
MAX_HEAD: Final = 16 * 1024
"""Bytes of the request's head, which picows keeps in one piece."""
UNSENT: Final = 64 * 1024
"""Bytes that the kernel accepts beyond what it can send (TCP_NOTSENT_LOWAT of tcp(7)): what a slow reader has not got
waits here, where stale events can be dropped, not in megabytes of kernel buffers."""

_log: Final = logging.LoggerAdapter(logging.getLogger("tertulia.websocket"))
"""An adapter, because picows makes a logger for each connection if it is given a plain one."""
_log.logger.setLevel(logging.CRITICAL)  # it logs what clients do wrong, which the close code tells them


def protocol_class(
    endpoints: Mapping[str, Endpoint],
    origins: Origins,
    max_frame: int = MAX_FRAME,
    proxies: Proxies | None = None,
) -> Any:
    """For uvicorn's ``Config(ws=…)``. See :class:`Routes`."""
    return functools.partial(_guarded, Routes(endpoints, origins, max_frame, proxies))


def _guarded(routes: Routes, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> Guard:
    return Guard(WebSocketProtocol(routes, config, server_state, app_state))


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
            False,  # the listener answers pings: pongs must be bounded as everything else it sends
            routes.max_frame,
            None,  # extra headers: a client's
            READ_BUFFER,
        )
        self._routes = routes
        self._connections: set[Any] = server_state.connections
        self._peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """uvicorn hands the transport over."""
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        sock = transport.get_extra_info("socket")
        enable_keepalive(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        super().connection_made(Lingering(transport, self))

    def data_received(self, data: bytes) -> None:
        """uvicorn hands over the head of the request; what follows goes straight into picows' own buffer."""
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
        """uvicorn is stopping."""
        if self.listener is not None:
            self.listener.shutdown()
        else:
            self.transport.disconnect()

    def _open(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        request.headers["Connection"] = "upgrade"  # picows wants nothing beside it; uvicorn has found it in the list
        request_id = new_token(size=9)
        try:
            # picows does it again, but behind us: of what it refuses then, no listener would ever hear the end.
            _validate_upgrade_request(request)
        except RuntimeError:
            return _answered(Refusal(HTTPStatus.BAD_REQUEST, "this is no opening handshake of a WebSocket"), request_id)
        try:
            opened = self._routes.open(request, self._peer, request_id)
        except Exception:
            logging.getLogger(__name__).exception("an endpoint failed to open a WebSocket")
            opened = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on the server")
        return _answered(opened, request_id)


def _answered(opened: WebSocketListener | Refusal, request_id: str) -> WSUpgradeResponseWithListener:
    if isinstance(opened, WebSocketListener):
        extensions = {deflate.HEADER: deflate.ACCEPTED} if opened.deflates else {}
        response = WSUpgradeResponse.create_101_response({"X-Request-Id": request_id, **extensions})
        return WSUpgradeResponseWithListener(response, opened)
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Request-Id": request_id}
    if opened.retry_after is not None:
        headers["Retry-After"] = str(opened.retry_after)
    response = WSUpgradeResponse.create_error_response(opened.status, opened.text.encode(), headers)
    return WSUpgradeResponseWithListener(response, None)
