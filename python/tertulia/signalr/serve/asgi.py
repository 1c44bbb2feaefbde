"""The three transports as one ASGI application, with the status codes of ASP.NET Core."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

from tertulia.signalr.options import Options
from tertulia.signalr.serve.connection import Application, HubConnection, Place
from tertulia.signalr.serve.endpoint import CANNOT_CHANGE, UNKNOWN, Active, Elsewhere, Endpoint, Kind, Refusal
from tertulia.signalr.serve.longpolling import LongPolling
from tertulia.signalr.serve.queued import PostedTransport
from tertulia.signalr.serve.request import BODY_SECONDS, Request
from tertulia.signalr.serve.sse import ServerSentEvents
from tertulia.signalr.serve.types import App, Receive, Scope, Send
from tertulia.signalr.serve.websocket import AsgiWebSocket
from tertulia.signalr.tokens import Claims, Tokens

SERVICE_RESTART: Final = 1012
"""The WebSocket close code of a server that stops (IANA's registry)."""
_NOT_FOUND: Final = Refusal(404)
_UNAUTHORIZED: Final = Refusal(401)
_METHOD_NOT_ALLOWED: Final = Refusal(405)
_ALLOWED: Final = b"GET, POST, DELETE, OPTIONS"
_NOT_BY_POST: Final = Refusal(405, "POST requests are not allowed for WebSocket connections.")
_TOO_SLOW: Final = Refusal(408, f"The body did not arrive within {BODY_SECONDS:.0f} s")
_NOT_BY_DELETE: Final = Refusal(400, "Cannot terminate this connection using the DELETE endpoint.")
_NO_TRANSPORT: Final = Refusal(409, "No transport has begun this connection")
_ALREADY_STREAMED: Final = Refusal(409)
_CROWDED: Final = Refusal(503, "Too many connections")

Authenticate = Callable[[str | None, str], Awaitable[object]]
"""From what :func:`tertulia.signalr.credentials.credential` found, and the client's IP address ("" where the server
does not know it), to the connection's ``user``; raises Unauthorized or TooManyRequests."""
Admit = Callable[[str], Place | None]
"""From a client's IP address to what its new connection takes up; None: there is no room for it."""
Handler = Callable[[Request, object], Awaitable[None]]


class Unauthorized(Exception):
    """The credential is not accepted: 401."""


class TooManyRequests(Exception):
    """The client has to wait so many seconds: 429."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many requests: wait")
        self.retry_after = retry_after


class SignalR:
    """An ASGI application that serves ``application`` at ``path``.

    ``forward(worker)`` returns the application that passes a request on to the worker that holds its connection. What
    is learned of a request is put into its scope: ``signalr.user``, what ``authenticate`` returned, and
    ``signalr.connection``, the public id of the connection that it begins.
    ``wall_clock`` and ``site_of`` are those of :class:`Endpoint`.
    """

    def __init__(
        self,
        application: Application,
        *,
        path: str = "/hub",
        options: Options | None = None,
        tokens: Tokens | None = None,
        wall_clock: Callable[[], float] = time.time,
        authenticate: Authenticate | None = None,
        forward: Callable[[str], App] | None = None,
        admit: Admit | None = None,
        site_of: Callable[[str], str] = str,
    ) -> None:
        self.endpoint = Endpoint(application, options=options, tokens=tokens, wall_clock=wall_clock, site_of=site_of)
        self._path = path.rstrip("/")
        self._authenticate = authenticate
        self._forward = forward
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: ``http``, ``websocket`` and ``lifespan``."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        request = Request(scope, receive, send)
        if scope["type"] == "websocket":
            await self._websocket(request)
        else:
            await self._http(request)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                self.endpoint.close_all("The server is going away.", SERVICE_RESTART)
                return

    # --- HTTP

    async def _http(self, request: Request) -> None:
        if request.path not in (self._path, f"{self._path}/negotiate"):
            await _refuse(request, _NOT_FOUND)
            return
        if request.method == "OPTIONS":
            # Of a browser on another site; what it may do is for the middleware around this application to say.
            await request.answer(204, b"", b"text/plain", [(b"allow", _ALLOWED)])
            return
        handler = self._handler(request)
        if handler is None:
            await _refuse(request, _METHOD_NOT_ALLOWED)
            return
        try:
            user = await self._user(request)
        except Unauthorized:
            await _refuse(request, _UNAUTHORIZED)
            return
        except TooManyRequests as error:
            await request.answer(429, str(error).encode(), b"text/plain", [(b"retry-after", b"%d" % error.retry_after)])
            return
        request.scope["signalr.user"] = user
        await handler(request, user)

    def _handler(self, request: Request) -> Handler | None:
        if request.path != self._path:
            return self._negotiate if request.method == "POST" else None
        return {"GET": self._get, "POST": self._post, "DELETE": self._delete}.get(request.method)

    async def _user(self, request: Request) -> object:
        return await self._authenticate(request.credential, request.client) if self._authenticate is not None else None

    async def _negotiate(self, request: Request, user: object) -> None:
        await request.answer(200, self.endpoint.negotiate(request.query), b"application/json")

    async def _get(self, request: Request, user: object) -> None:
        """Begin a connection by a stream or a first poll, or poll."""
        events = "text/event-stream" in request.header(b"accept")
        kind = Kind.SERVER_SENT_EVENTS if events else Kind.LONG_POLLING
        found = await self._find(request)
        if isinstance(found, Claims):
            active = self._begin(request, kind, found, user)
            if active is None:
                await _refuse(request, _CROWDED)
                return
            await (self._begin_events(request, active) if events else self._begin_polling(request, active))
        elif found is not None:
            await self._poll(request, kind, found)

    def _begin(self, request: Request, kind: Kind, claims: Claims, user: object) -> Active | None:
        place = self._admit(request.client) if self._admit is not None else None
        if place is None and self._admit is not None:
            return None
        active = self.endpoint.begin(kind, request.token, claims, user)
        active.connection.place = place
        active.connection.address = request.client
        request.scope["signalr.connection"] = active.connection.id
        return active

    async def _find(self, request: Request) -> Active | Claims | None:
        """What the request is for, unless it was answered here or by the worker that holds its connection."""
        found = self.endpoint.request(request.token)
        if isinstance(found, Refusal):
            await _refuse(request, found)
            return None
        if isinstance(found, Elsewhere):
            if self._forward is None:
                await _refuse(request, UNKNOWN)
            else:
                await self._forward(found.worker)(request.scope, request.receive, request.send)
            return None
        return found

    async def _begin_events(self, request: Request, active: Active) -> None:
        transport = ServerSentEvents(active.connection, self.endpoint.options.max_waiting)
        active.transport = transport
        await transport.run(request)

    async def _begin_polling(self, request: Request, active: Active) -> None:
        options, token = self.endpoint.options, request.token
        transport = LongPolling(
            active.connection, options.max_waiting, options.reconnect_timeout, lambda: self.endpoint.forget(token)
        )
        active.transport = transport
        await transport.begin(request)

    @staticmethod
    async def _poll(request: Request, kind: Kind, active: Active) -> None:
        if active.kind is not kind:
            await _refuse(request, CANNOT_CHANGE)
        elif isinstance(active.transport, LongPolling):
            await active.transport.answer(request)
        else:
            await _refuse(request, _ALREADY_STREAMED)

    async def _post(self, request: Request, user: object) -> None:
        found = await self._find(request)
        if found is None:
            return
        try:
            if isinstance(found, Claims):
                await self._post_early(request)
            elif isinstance(found.transport, PostedTransport):
                await found.transport.receive(request.chunks())
                await request.answer(200, b"", b"text/plain")
            else:
                await _refuse(request, _NOT_BY_POST)
        except TimeoutError:
            await _refuse(request, _TOO_SLOW)

    async def _post_early(self, request: Request) -> None:
        """A POST before the transport has begun: kept for it."""
        async for data in request.chunks():
            if not self.endpoint.keep_early(request.token, data, request.client):
                await _refuse(request, _NO_TRANSPORT)
                return
        await request.answer(200, b"", b"text/plain")

    async def _delete(self, request: Request, user: object) -> None:
        found = await self._find(request)
        if found is None:
            return
        if isinstance(found, Active) and isinstance(found.transport, LongPolling):
            found.transport.end()
            await request.answer(202, b"", b"text/plain")
        else:
            await _refuse(request, _NOT_BY_DELETE)

    # --- WebSockets

    async def _websocket(self, request: Request) -> None:
        if (await request.receive())["type"] != "websocket.connect":
            return
        found = await self._admitted(request)
        if isinstance(found, Refusal):
            await _refuse(request, found)
        else:
            await AsgiWebSocket(found, request.receive, request.send, self.endpoint.options.max_waiting).run()

    async def _admitted(self, request: Request) -> HubConnection | Refusal:
        """The connection of a WebSocket."""
        if request.path != self._path:
            return _NOT_FOUND
        try:
            user = await self._user(request)
        except Unauthorized:
            return _UNAUTHORIZED
        except TooManyRequests as error:
            return Refusal(429, str(error))
        found = self.endpoint.websocket(request.token, user)
        if isinstance(found, HubConnection):
            found.address = request.client
        return UNKNOWN if isinstance(found, Elsewhere) else found


async def _refuse(request: Request, refusal: Refusal) -> None:
    await request.refuse(refusal.status, refusal.text)
