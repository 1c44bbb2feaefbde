"""An HTTP request for a connection that another web worker holds: passed on to it, and its answer passed back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import httptools
import structlog
from starlette.types import Message, Receive, Scope, Send

from tertulia.ids import HubId
from tertulia.sockets.signalr.logged import REQUEST_ID
from tertulia.sockets.signalr.mark import HEADER, Marks
from tertulia.sockets.signalr.other_workers import OtherWorkers
from tertulia.sockets.tcp import enable_keepalive

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
"""How long an answer may take, to everything but GET: that waits for events as long as its client does."""
READ_BYTES: Final = 64 * 1024
_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length", b"expect"}
    | {b"date", HEADER.encode(), REQUEST_ID.lower().encode()}
)
"""Headers that concern one hop only (RFC 9110, section 7.6.1), and those that are set anew for the next."""
FORWARDED: Final = "tertulia.forwarded"
"""In the scope of a request that another web worker has passed on."""

_log = structlog.get_logger(__name__)


class Forward:
    """An ASGI application that has ``worker`` answer: one HTTP/1.1 connection for each request, streamed both ways."""

    def __init__(self, workers: OtherWorkers, worker: HubId) -> None:
        self._workers = workers
        self._worker = worker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; 404 if there is no such worker, 503 if it does not answer."""
        # One that another worker has passed on is answered here or not at all, so that none goes in circles.
        url = None if FORWARDED in scope else await self._workers.url(self._worker)
        if url is None:
            await answer(send, 404, b"No Connection with that ID")
            return
        response = _Response(send)
        try:
            async with _connected(url) as (reader, writer):
                sending = asyncio.create_task(_send_request(scope, receive, writer, self._workers.marks))
                try:
                    async with asyncio.timeout(None if scope["method"] == "GET" else ANSWER_SECONDS):
                        await response.relay(reader, sending)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except (OSError, TimeoutError) as error:
            _log.warning("another web worker did not answer", worker=self._worker, error=str(error))
            if not response.begun:
                await answer(send, 503, b"The connection's server does not answer")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    async with asyncio.timeout(CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    enable_keepalive(writer.get_extra_info("socket"))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _send_request(scope: Scope, receive: Receive, writer: asyncio.StreamWriter, marks: Marks) -> None:
    """Write the request, then wait for the client to disconnect: the other worker sees its own client disconnect."""
    target = target_of(scope)
    client = scope["client"][0] if scope.get("client") else ""
    mark = marks.make(client, target.decode("latin-1")).encode()
    headers = [(name, value) for name, value in scope["headers"] if name not in _HOP_BY_HOP]
    headers += [(HEADER.encode(), mark), (REQUEST_ID.encode(), scope["state"]["request_id"].encode())]
    headers += [(b"connection", b"close"), (b"transfer-encoding", b"chunked")]
    head = [scope["method"].encode() + b" " + target + b" HTTP/1.1", *(n + b": " + v for n, v in headers)]
    writer.write(b"\r\n".join(head) + b"\r\n\r\n")
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            writer.transport.abort()
            return
        if body := event.get("body"):
            writer.write(b"%x\r\n%b\r\n" % (len(body), body))
        if not event.get("more_body"):
            writer.write(b"0\r\n\r\n")
        await writer.drain()


def target_of(scope: Scope) -> bytes:
    """The path and the query of a request, as sent."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path


class _Response:
    """The answer, as httptools parses it; the names of the callbacks are its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._events: list[Message] = []
        self._complete = False
        self.begun = False
        """Part of the answer has gone to the client."""

    async def relay(self, reader: asyncio.StreamReader, sending: asyncio.Task[None]) -> None:
        """Pass the answer on as it arrives. Raises OSError if the connection ends before it begins."""
        while not self._complete:
            data = await reader.read(READ_BYTES)
            if not data:
                if not self.begun and not sending.done():
                    raise ConnectionResetError("the connection ended before the answer")
                return
            self._parser.feed_data(data)
            events, self._events = self._events, []
            for event in events:
                self.begun = True
                await self._send(event)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in _HOP_BY_HOP or name.lower() == b"content-length":
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._events.append({"type": "http.response.start", "status": status, "headers": self._headers})

    def on_body(self, body: bytes) -> None:
        self._events.append({"type": "http.response.body", "body": body, "more_body": True})

    def on_message_complete(self) -> None:
        self._events.append({"type": "http.response.body", "body": b"", "more_body": False})
        self._complete = True


async def answer(send: Send, status: int, text: bytes) -> None:
    """Answer with plain text."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
