"""The three transports as one ASGI application, with the status codes of ASP.NET Core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

from tertulia.signalr.connection import Options
from tertulia.signalr.serve.endpoint import CANNOT_CHANGE, UNKNOWN, Active, Elsewhere, Endpoint, Kind, Refusal
from tertulia.signalr.serve.link import Application, Link
from tertulia.signalr.serve.longpolling import LongPolling
from tertulia.signalr.serve.sse import ServerSentEvents
from tertulia.signalr.serve.types import App, Receive, Scope, Send
from tertulia.signalr.serve.websocket import AsgiWebSocket
from tertulia.signalr.tokens import Claims, Tokens

NO_CACHE: Final = [
    (b"cache-control", b"no-cache, no-store"),
    (b"pragma", b"no-cache"),
    (b"expires", b"Thu, 01 Jan 1970 00:00:00 GMT"),
]
NOT_FOUND: Final = Refusal(404)
UNAUTHORIZED: Final = Refusal(401)
METHOD_NOT_ALLOWED: Final = Refusal(405)
ALLOWED: Final = b"GET, POST, DELETE, OPTIONS"
NOT_BY_POST: Final = Refusal(405, "POST requests are not allowed for WebSocket connections.")
NOT_BY_DELETE: Final = Refusal(400, "Cannot terminate this connection using the DELETE endpoint.")
NO_TRANSPORT: Final = Refusal(409, "No transport has begun this connection")

GOODBYE_SECONDS: Final = 1.0
"""How long a Close message may come after the end of the event stream."""

Authenticate = Callable[[str | None], Awaitable[object]]
"""From a credential (a Bearer's, else ``access_token`` of the query) to the connection's ``user``; raises
Unauthorized.
"""


class Unauthorized(Exception):
    """The credential is not accepted: 401."""


class SignalR:
    """An ASGI application that serves ``application`` at ``path``.

    ``forward(worker)`` returns the application that carries a request to the worker that owns its connection.
    """

    def __init__(
        self,
        application: Application,
        *,
        path: str = "/hub",
        options: Options | None = None,
        tokens: Tokens | None = None,
        authenticate: Authenticate | None = None,
        forward: Callable[[str], App] | None = None,
    ) -> None:
        self.endpoint = Endpoint(application, options=options, tokens=tokens)
        self._path = path.rstrip("/")
        self._authenticate = authenticate
        self._forward = forward

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        request = _Request(scope, receive, send)
        if scope["type"] == "websocket":
            await self._websocket(request)
        else:
            await self._http(request)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                self.endpoint.close_all("The server is going away.", 1012)
                return

    # --- HTTP

    async def _http(self, request: _Request) -> None:
        path = request.scope["path"].rstrip("/")
        if path == f"{self._path}/negotiate":
            handler = self._negotiate if request.method == "POST" else None
        elif path == self._path:
            handler = {"GET": self._get, "POST": self._post, "DELETE": self._delete}.get(request.method)
        else:
            await request.refuse(NOT_FOUND)
            return
        if request.method == "OPTIONS":
            # Of a browser on another site; what it may do is for the middleware around this application to say.
            await request.answer(204, b"", b"text/plain", [(b"allow", ALLOWED)])
            return
        if handler is None:
            await request.refuse(METHOD_NOT_ALLOWED)
            return
        try:
            user = await self._user(request)
        except Unauthorized:
            await request.refuse(UNAUTHORIZED)
            return
        await handler(request, user)

    async def _user(self, request: _Request) -> object:
        return await self._authenticate(request.credential) if self._authenticate is not None else None

    async def _negotiate(self, request: _Request, user: object) -> None:
        await request.answer(200, self.endpoint.negotiate(request.query), b"application/json")

    async def _get(self, request: _Request, user: object) -> None:
        events = "text/event-stream" in request.header(b"accept")
        kind = Kind.SERVER_SENT_EVENTS if events else Kind.LONG_POLLING
        found = await self._find(request)
        if found is None:
            return
        if isinstance(found, Claims):
            active = self.endpoint.begin(kind, request.token, found, user)
            await (self._begin_events(request, active) if events else self._begin_polling(request, active))
        elif found.kind is not kind:
            await request.refuse(CANNOT_CHANGE)
        elif events:
            await request.refuse(Refusal(409))
        else:
            await self._poll(request, found.carrier)

    async def _find(self, request: _Request) -> Active | Claims | None:
        """What the request is for, unless it was answered here or sent to its owner."""
        found = self.endpoint.request(request.token)
        if isinstance(found, Refusal):
            await request.refuse(found)
            return None
        if isinstance(found, Elsewhere):
            if self._forward is None:
                await request.refuse(UNKNOWN)
            else:
                await self._forward(found.worker)(request.scope, request.receive, request.send)
            return None
        return found

    async def _begin_polling(self, request: _Request, active: Active) -> None:
        """The first poll is answered at once, with nothing: the client may post from now on."""
        options = self.endpoint.options
        token = request.token
        carrier = LongPolling(
            active.link, options.reconnect_timeout, options.max_waiting, lambda: self.endpoint.forget(token)
        )
        active.carrier = carrier
        active.link.attach(carrier)
        await request.answer(200, b"", b"application/octet-stream", NO_CACHE)

    async def _poll(self, request: _Request, carrier: LongPolling) -> None:
        poll = asyncio.create_task(carrier.poll())
        gone = asyncio.create_task(request.disconnected())
        try:
            await asyncio.wait((poll, gone), return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                data = poll.result()
                if data is None:
                    await request.answer(204, b"", b"text/plain", NO_CACHE)
                else:
                    await request.answer(200, data, b"application/octet-stream", NO_CACHE)
        finally:
            poll.cancel()
            gone.cancel()
            await asyncio.gather(poll, gone, return_exceptions=True)

    async def _begin_events(self, request: _Request, active: Active) -> None:
        carrier = ServerSentEvents(active.link, self.endpoint.options.max_waiting)
        active.carrier = carrier
        active.link.attach(carrier)
        headers = [(b"content-type", b"text/event-stream"), *NO_CACHE[:2], (b"content-encoding", b"identity")]
        # Proxies that buffer would hold the events back.
        await request.start(200, [*headers, (b"x-accel-buffering", b"no")])
        streaming = asyncio.create_task(self._stream(request, carrier))
        gone = asyncio.create_task(request.disconnected())
        try:
            await asyncio.wait((streaming, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A client that stops closes its stream at the same time as it posts its Close message.
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, partial(active.link.detached, carrier, clean=False))
            streaming.cancel()
            gone.cancel()
            await asyncio.gather(streaming, gone, return_exceptions=True)

    @staticmethod
    async def _stream(request: _Request, carrier: ServerSentEvents) -> None:
        # A comment, so that the client hears at once that the stream is open.
        await request.body(b":\r\n", more=True)
        while (event := await carrier.event()) is not None:
            await request.body(event, more=True)
        await request.body(b"", more=False)

    async def _post(self, request: _Request, user: object) -> None:
        found = await self._find(request)
        if found is None:
            return
        if isinstance(found, Claims):
            await request.refuse(NO_TRANSPORT)
        elif found.kind is Kind.WEBSOCKETS:
            await request.refuse(NOT_BY_POST)
        else:
            carrier: LongPolling | ServerSentEvents = found.carrier
            async with carrier.sending:
                async for data in request.chunks():
                    await carrier.readable()
                    found.link.receive(data)
            await request.answer(200, b"", b"text/plain")

    async def _delete(self, request: _Request, user: object) -> None:
        found = await self._find(request)
        if found is None:
            return
        if isinstance(found, Claims) or found.kind is not Kind.LONG_POLLING:
            await request.refuse(NOT_BY_DELETE)
        else:
            found.carrier.end()
            await request.answer(202, b"", b"text/plain")

    # --- WebSockets

    async def _websocket(self, request: _Request) -> None:
        if (await request.receive())["type"] != "websocket.connect":
            return
        link = await self._admitted(request)
        if isinstance(link, Refusal):
            await request.refuse(link)
        else:
            await AsgiWebSocket(link, request.receive, request.send, self.endpoint.options.max_waiting).run()

    async def _admitted(self, request: _Request) -> Link | Refusal:
        """The connection of a WebSocket."""
        if request.scope["path"].rstrip("/") != self._path:
            return NOT_FOUND
        try:
            user = await self._user(request)
        except Unauthorized:
            return UNAUTHORIZED
        link = self.endpoint.websocket(request.token, user)
        return UNKNOWN if isinstance(link, Elsewhere) else link


class _Request:
    """One HTTP request or WebSocket upgrade."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.query = {
            k.lower(): v for k, v in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        }
        self.token = self.query.get("id", "")

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    def header(self, name: bytes) -> str:
        return ", ".join(value.decode("latin-1") for key, value in self.scope["headers"] if key == name)

    @property
    def credential(self) -> str | None:
        """``access_token``, as browsers send it where they cannot set headers, else what follows ``Bearer``."""
        scheme, _, value = self.header(b"authorization").partition(" ")
        if scheme.lower() == "bearer":
            return value.strip()
        return self.query.get("access_token")

    async def refuse(self, refusal: Refusal) -> None:
        if self.scope["type"] == "websocket":
            if "websocket.http.response" in self.scope.get("extensions", {}):
                await self._response("websocket.http.response", refusal.status, refusal.text.encode(), b"text/plain")
            else:
                await self.send({"type": "websocket.close"})
        else:
            await self.answer(refusal.status, refusal.text.encode(), b"text/plain")

    async def answer(
        self, status: int, body: bytes, content_type: bytes, headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        await self._response("http.response", status, body, content_type, headers)

    async def _response(
        self, kind: str, status: int, body: bytes, content_type: bytes, headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        all_headers = [(b"content-type", content_type), *(headers or ())]
        if status != 204:
            all_headers.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": f"{kind}.start", "status": status, "headers": all_headers})
        await self.send({"type": f"{kind}.body", "body": body})

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, body: bytes, *, more: bool) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; what a client that went away did not send is missing."""
        while True:
            event = await self.receive()
            if event["type"] == "http.disconnect":
                return
            if event.get("body"):
                yield event["body"]
            if not event.get("more_body"):
                return

    async def disconnected(self) -> None:
        """Return when the client has gone."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
