"""One HTTP request or WebSocket upgrade, on ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from tertulia.signalr import credentials
from tertulia.signalr.serve.types import Receive, Scope, Send

NO_CACHE: Final = [
    (b"cache-control", b"no-cache, no-store"),
    (b"pragma", b"no-cache"),
    (b"expires", b"Thu, 01 Jan 1970 00:00:00 GMT"),
]

BODY_SECONDS: Final = 10.0
"""How long is waited for a body in all."""

Headers = list[tuple[bytes, bytes]]
T = TypeVar("T")


class ClientGone(Exception):
    """The client disconnected."""


class Request:
    """What was asked for, and how to answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.query = {
            k.lower(): v for k, v in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        }
        """Names in lower case: they are matched in any case."""
        self.token = self.query.get("id", "")
        """The connection token; "" where there is none."""

    @property
    def method(self) -> str:
        """GET, POST, …"""
        method: str = self.scope["method"]
        return method

    @property
    def client(self) -> str:
        """The client's IP address; "" where the server does not know."""
        peer = self.scope.get("client")
        return str(peer[0]) if peer else ""

    @property
    def path(self) -> str:
        """Without a slash at the end."""
        path: str = self.scope["path"]
        return path.rstrip("/")

    def header(self, name: bytes) -> str:
        """The values of a header (its name in lower case), joined."""
        return ", ".join(value.decode("latin-1") for key, value in self.scope["headers"] if key == name)

    @property
    def credential(self) -> str | None:
        """See :func:`tertulia.signalr.credentials.credential`."""
        return credentials.credential(self.header(b"authorization") or None, self.query.get("access_token"))

    # --- the answer

    async def refuse(self, status: int, text: str) -> None:
        """Answer with a status and a text, a WebSocket's upgrade too where the server can do that."""
        if self.scope["type"] == "http":
            await self.answer(status, text.encode(), b"text/plain")
        elif "websocket.http.response" in self.scope.get("extensions", {}):
            await self._respond("websocket.http.response", status, text.encode(), b"text/plain", [])
        else:
            await self.send({"type": "websocket.close"})

    async def answer(self, status: int, body: bytes, content_type: bytes, headers: Headers | None = None) -> None:
        """Answer with a whole body."""
        await self._respond("http.response", status, body, content_type, headers or [])

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer whose :meth:`body` follows in parts."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body."""
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def _respond(self, kind: str, status: int, body: bytes, content_type: bytes, headers: Headers) -> None:
        all_headers = [(b"content-type", content_type), *headers]
        if status != 204:
            all_headers.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": f"{kind}.start", "status": status, "headers": all_headers})
        await self.send({"type": f"{kind}.body", "body": body})

    # --- the client

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, without what a client that disconnected did not send.

        Raises:
            TimeoutError: it was waited for longer than BODY_SECONDS, in all.
        """
        left, now = BODY_SECONDS, asyncio.get_running_loop().time
        while True:
            began = now()
            async with asyncio.timeout(left):
                event = await self.receive()
            left -= now() - began
            if event["type"] == "http.disconnect":
                return
            if event.get("body"):
                yield event["body"]
            if not event.get("more_body"):
                return

    async def while_connected(self, job: Coroutine[Any, Any, T]) -> T:
        """What ``job`` returns. The rest of the request's body is ignored.

        Raises:
            ClientGone: the client disconnected first; the job was cancelled.
        """
        working, gone = asyncio.create_task(job), asyncio.create_task(self._disconnected())
        try:
            await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise ClientGone
        finally:
            working.cancel()
            gone.cancel()
            await asyncio.gather(working, gone, return_exceptions=True)

    async def _disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
