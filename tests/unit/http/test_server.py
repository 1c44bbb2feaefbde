"""uvicorn's protocol as we bound it: upgrades that we do not know, and idle connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from tertulia.http.server import HEAD_SECONDS, KEEP_ALIVE_SECONDS, BoundedHttp
from tertulia.sockets.websocket import protocol_class

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
"""What the JDK's client and ``curl --http2`` send with their first request."""


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the method, the path and the body; the headers that say what may follow are in X-Headers."""
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    told = b",".join(name for name, _ in scope["headers"])
    content = scope["method"].encode() + b" " + scope["path"].encode() + b" " + body
    headers = [(b"content-length", str(len(content)).encode()), (b"x-headers", told)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *chunks: bytes) -> None:
        """Each chunk reaches the server by itself."""
        for chunk in chunks:
            self.writer.write(chunk)
            await self.writer.drain()
            await asyncio.sleep(0.01)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    config = Config(echo, ws=protocol_class({}, ()), log_config=None, lifespan="off", server_header=False)
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        server.close()
        await server.wait_closed()


def post(*headers: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: x\r\n" + b"".join(headers) + b"\r\n"


@pytest.mark.parametrize(
    "chunks",
    [
        [post(H2C, b"Content-Length: 5\r\n") + b"hello"],
        [post(H2C, b"Content-Length: 5\r\n"), b"hel", b"lo"],
        [post(H2C, b"Transfer-Encoding: chunked\r\n"), b"5\r\nhello\r\n", b"0\r\n\r\n"],
        [post(H2C, b"Content-Length: 5\r\n")[:40], post(H2C, b"Content-Length: 5\r\n")[40:] + b"hello"],
        [post(b"connection: keep-alive, UPGRADE\r\nupgrade: H2C\r\n", b"Content-Length: 5\r\n") + b"hello"],
        [post(b"Connection: upgrade\r\nUpgrade: TLS/1.0, h2c\r\n", b"Content-Length: 5\r\n") + b"hello"],
    ],
)
async def test_a_request_that_offers_an_upgrade_is_served_with_its_body(chunks: list[bytes]) -> None:
    async with connected() as client:
        await client.send(*chunks)
        status, headers, body = await client.answer()
        assert (status, body) == (200, b"POST /a hello")
        assert "upgrade" not in headers["x-headers"]
        await client.send(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.answer())[2] == b"GET /b "


async def test_many_requests_that_offer_an_upgrade_in_one_chunk() -> None:
    async with connected() as client:
        count = 300
        await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n%b\r\n" % (n, H2C) for n in range(count)))
        for n in range(count):
            assert (await client.answer())[2] == b"GET /%d " % n


async def test_a_connection_that_is_to_be_closed_is_closed_all_the_same() -> None:
    async with connected() as client:
        await client.send(post(b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n", b"Content-Length: 2\r\n") + b"hi")
        assert (await client.answer())[2] == b"POST /a hi"
        async with asyncio.timeout(10):
            assert await client.reader.read() == b""


async def test_a_head_that_is_too_large_is_refused_whatever_it_offers() -> None:
    async with connected() as client:
        await client.send(post(H2C, *(b"X-%d: %b\r\n" % (n, b"x" * 1000) for n in range(70))))
        async with asyncio.timeout(10):
            assert (await client.reader.read()).startswith(b"HTTP/1.1 431 ")


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_an_idle_connection_outlives_those_of_load_balancers() -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        async with connected() as client:
            for waits in (HEAD_SECONDS - 1, 60, KEEP_ALIVE_SECONDS - 1):
                clock.ahead += waits
                await client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await client.answer())[0] == 200
            clock.ahead += KEEP_ALIVE_SECONDS + 1
            async with asyncio.timeout(10):
                assert await client.reader.read() == b""

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(scenario())
