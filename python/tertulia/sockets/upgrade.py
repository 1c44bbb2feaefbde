"""A request to upgrade to a WebSocket, and who answers it: a table of endpoints, by path."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from multidict import CIMultiDict
from picows import WSListener, WSUpgradeRequest


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
    """Serves one WebSocket: picows' callbacks, and :meth:`shutdown`."""

    __slots__ = ()

    def shutdown(self) -> None:
        """The server is stopping: close with 1012."""


Endpoint = Callable[[Upgrade], WebSocketListener | Refusal]
"""Answers the requests of one path."""


class Routes(NamedTuple):
    """The endpoint of each path, and the origins whose pages may connect (``*``: all; the server's own always may)."""

    endpoints: Mapping[str, Endpoint]
    origins: Collection[str]
    max_frame: int

    def open(self, request: WSUpgradeRequest, client: str) -> WebSocketListener | Refusal:
        """What the path's endpoint answers, if there is one and the origin is allowed. ``client``: an IP address."""
        path, _, query = request.path.decode("latin-1").partition("?")
        path = unquote(path)
        endpoint = self.endpoints.get(path)
        if endpoint is None:
            return Refusal(HTTPStatus.NOT_FOUND, "there is no WebSocket endpoint here")
        if not self._admits(request.headers):
            return Refusal(HTTPStatus.FORBIDDEN, "this origin is not allowed")
        return endpoint(Upgrade(path, query, request.headers, client))

    def _admits(self, headers: CIMultiDict[str]) -> bool:
        """Whether the origin is allowed (RFC 6455, section 10.2). Only browsers send one, and pages cannot forge it."""
        origin = headers.get("Origin")
        if origin is None or "*" in self.origins or origin.lower() in self.origins:
            return True
        return urlsplit(origin).netloc.lower() == headers.get("Host", "").lower() != ""
