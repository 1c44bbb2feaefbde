"""The log of SignalR's HTTP requests, as REST has it: what was asked for, by whom, from where, and how it ended."""

from __future__ import annotations

import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tertulia.ids import new_token

REQUEST_ID = "X-Request-Id"

_log = structlog.get_logger(__name__)


class Logged:
    """An ASGI application that logs what ``app`` answers, and gives each answer an X-Request-Id: the ``request_id`` of
    the scope's state, if another web worker has passed the request on.

    Polls and posts of a connection that has begun are many; they are logged at level debug.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, ``http`` only."""
        began = time.perf_counter()
        request_id: str = scope.setdefault("state", {}).setdefault("request_id", new_token(size=9))

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
                _note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, logged)


def _note(scope: Scope, status: int, took: float) -> None:
    connection = scope.get("signalr.connection")
    is_routine = connection is None and status < 400 and not scope["path"].endswith("/negotiate")
    (_log.debug if is_routine else _log.info)(
        "http",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(took * 1000, 1),
        request=scope["state"]["request_id"],
        address=scope["client"][0] if scope.get("client") else None,
        by=scope.get("signalr.user"),
        connection=connection,
    )
