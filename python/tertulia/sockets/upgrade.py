"""A request to upgrade to a WebSocket, and who answers it: a table of endpoints, by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

import structlog
from multidict import CIMultiDict
from picows import WSListener, WSUpgradeRequest

from tertulia.senders import Origins, Proxies, client_of

_log = structlog.get_logger(__name__)


class Upgrade(NamedTuple):
    """A request to upgrade. ``query`` is as sent, without the question mark: it may hold secrets, do not log it."""

    path: str
    query: str
    headers: CIMultiDict[str]
    client: str
    """The client's IP address."""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Refusal(NamedTuple):
    """An HTTP answer instead of a WebSocket."""

    status: HTTPStatus
    text: str
    retry_after: int | None = None
    """Seconds."""


class WebSocketListener(WSListener):
    """Serves one WebSocket: picows' callbacks, and what is below."""

    __slots__ = ()

    @property
    def connection_id(self) -> str | None:
        """The id of the connection, if it is this worker's."""
        return None

    @property
    def deflates(self) -> bool:
        """Whether messages may be compressed, as the client has offered (RFC 7692)."""
        return False

    @property
    def caller(self) -> str | None:
        """Who holds the credential that came with the upgrade; None: nobody, or that is not known yet."""
        return None

    @property
    def is_wide(self) -> bool:
        """Whether it may send large frames: its client has joined a room, or perhaps is about to."""
        return True

    @property
    def is_proven(self) -> bool:
        """Whether it may for good."""
        return True

    def refuse_size(self) -> None:
        """Close with 1009: what may not sends a large frame."""

    def shutdown(self) -> None:
        """The server is stopping: close with 1012."""


Endpoint = Callable[[Upgrade], WebSocketListener | Refusal]
"""Answers the requests of one path."""


class Routes(NamedTuple):
    """The endpoint of each path; the origins whose pages may connect: the server's own always may."""

    endpoints: Mapping[str, Endpoint]
    origins: Origins
    max_frame: int
    proxies: Proxies | None = None

    def open(self, request: WSUpgradeRequest, peer: str, request_id: str) -> WebSocketListener | Refusal:
        """What the path's endpoint answers, if there is one and the origin is allowed. ``peer``: an IP address."""
        path, _, query = request.path.decode("latin-1").partition("?")
        client = client_of(peer, request.headers.getall("X-Forwarded-For", ()), self.proxies)
        upgrade = Upgrade(unquote(path), query, request.headers, client)
        opened = self._open(upgrade)
        listener = opened if isinstance(opened, WebSocketListener) else None
        _log.info(
            "websocket",
            path=upgrade.path,
            status=int(opened.status if isinstance(opened, Refusal) else HTTPStatus.SWITCHING_PROTOCOLS),
            request=request_id,
            address=client or None,
            by=listener and listener.caller,
            connection=listener and listener.connection_id,
        )
        return opened

    def _open(self, upgrade: Upgrade) -> WebSocketListener | Refusal:
        endpoint = self.endpoints.get(upgrade.path)
        if endpoint is None:
            return Refusal(HTTPStatus.NOT_FOUND, "there is no WebSocket endpoint here")
        if not self._admits(upgrade.headers):
            return Refusal(HTTPStatus.FORBIDDEN, "this origin is not allowed")
        return endpoint(upgrade)

    def _admits(self, headers: CIMultiDict[str]) -> bool:
        """Whether the origin is allowed (RFC 6455, section 10.2). Only browsers send one, and pages cannot forge it."""
        origin = headers.get("Origin")
        if origin is None or self.origins.allow(origin):
            return True
        return self.origins.are_ours(origin, headers.get("Host", ""))
