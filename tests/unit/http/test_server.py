"""uvicorn's protocol as we bound it: upgrades that we do not know, and idle connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from tertulia.http import server
from tertulia.http.gate import PARTING, READS_A_TURN, Gate, open_gate
from tertulia.http.server import CROWDED_SECONDS, HEAD_SECONDS, KEEP_ALIVE_SECONDS, paced_http
from tertulia.pace import Pace
from tertulia.places import Places
from tertulia.rates import Queues, RateLimit
from tertulia.senders import Origins
from tertulia.sockets.upgrade import Endpoint, Upgrade, WebSocketListener
from tertulia.sockets.websocket import protocol_class
from tests.waiting import until

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

    async def get(self, path: bytes = b"/") -> tuple[int, dict[str, str], bytes]:
        await self.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        return await self.answer()

    async def refusal(self) -> tuple[int, dict[str, Any]]:
        """What is said to a client that is refused, after which the connection ends."""
        status, headers, body = await self.answer()
        assert headers["content-type"] == "application/problem+json"
        assert headers["connection"] == "close"
        async with asyncio.timeout(10):
            assert await self.reader.read() == b""
        problem: dict[str, Any] = json.loads(body)
        return status, problem | {"retry": headers.get("retry-after")}

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))


@asynccontextmanager
async def connected(gate: Gate | None = None) -> AsyncIterator[Client]:
    async with serving(gate or open_gate()) as connect, connect() as client:
        yield client


Connect = Callable[[], AbstractAsyncContextManager[Client]]


def _listener(_: Upgrade) -> WebSocketListener:
    return WebSocketListener()


@asynccontextmanager
async def serving(gate: Gate, open_socket: Endpoint = _listener) -> AsyncIterator[Connect]:
    """A server; gives what connects to it. ``open_socket`` is its endpoint of WebSockets, at /socket."""
    config = Config(
        echo,
        ws=protocol_class({"/socket": open_socket}, Origins(())),
        log_config=None,
        lifespan="off",
        server_header=False,
    )
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    listening = await loop.create_server(lambda: paced_http(config, state, {}, gate=gate), "127.0.0.1", 0)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        try:
            yield Client(reader, writer)
        finally:
            writer.close()

    try:
        yield connect
    finally:
        listening.close()
        await listening.wait_closed()


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
            for waits in (KEEP_ALIVE_SECONDS - 1, 60, KEEP_ALIVE_SECONDS - 1):
                clock.ahead += waits
                await client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await client.answer())[0] == 200
            clock.ahead += KEEP_ALIVE_SECONDS + 1
            async with asyncio.timeout(10):
                assert await client.reader.read() == b""

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(scenario())


def test_a_websocket_has_no_time_of_an_idle_connection() -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        async with connected() as client:
            await client.send(UPGRADE.replace(b"/ws", b"/socket"))
            async with asyncio.timeout(10):
                assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            clock.ahead += KEEP_ALIVE_SECONDS + 1
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await client.reader.read()

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(scenario())


def test_a_head_that_has_begun_has_less_time() -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        async with connected() as client:
            await client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n")
            await asyncio.sleep(0.1)
            clock.ahead += HEAD_SECONDS + 1
            async with asyncio.timeout(10):
                assert await client.reader.read() == b""

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(scenario())


# --- the gate


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REFUSED_AFTER", 0.1)


def gate(
    places: Places | None = None,
    requests: Queues | None = None,
    upgrades: RateLimit | None = None,
    parting: Places | None = None,
    **more: Any,
) -> Gate:
    return Gate(
        *(places or Places(0, 0), requests or Queues(0, 0, 0), upgrades or RateLimit(0)),
        *(parting or Places(PARTING, 0), Pace(READS_A_TURN)),
        **more,
    )


class Proxies:
    def __contains__(self, host: str | None) -> bool:
        return host == "127.0.0.1"

    def get_trusted_client_address(self, x_forwarded_for: str) -> tuple[str, int]:
        return x_forwarded_for.rpartition(", ")[2], 0


@pytest.mark.parametrize("places", [Places(2, 0), Places(0, 2)])
async def test_connections_are_few_and_those_that_end_make_room(places: Places) -> None:
    async with serving(gate(places)) as connect:
        async with connect() as first, connect() as second:
            assert [(await client.get())[0] for client in (first, second)] == [200, 200]
            async with connect() as third:
                await third.send(post(b"Content-Length: 100000\r\n"), b"x" * 100_000)
                status, problem = await third.refusal()
                assert (status, problem["code"], problem["retry"]) == (503, "unavailable", str(KEEP_ALIVE_SECONDS))
                assert "close some" in problem["detail"]
            assert (await first.get())[0] == 200
        await emptied(places)
        async with connect() as fourth:
            assert (await fourth.get())[0] == 200


async def emptied(places: Places) -> None:
    await until(lambda: not places.count)


async def test_connections_of_a_proxy_count_in_all_only() -> None:
    async with AsyncExitStack() as stack:
        connect = await stack.enter_async_context(serving(gate(Places(3, 1), proxies=Proxies())))
        clients = [await stack.enter_async_context(connect()) for _ in range(4)]
        assert [(await client.get())[0] for client in clients[:3]] == [200, 200, 200]
        assert (await clients[3].refusal())[0] == 503


async def test_a_websocket_takes_no_place() -> None:
    places = Places(1, 1)
    async with serving(gate(places)) as connect, connect() as first:
        await first.send(UPGRADE)
        assert (await first.answer())[0] == 404  # there is no endpoint here
        async with connect() as second:
            assert (await second.get())[0] == 200


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize(
    "left_out", [b"Sec-WebSocket-Version: 13\r\n", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"]
)
async def test_an_upgrade_that_cannot_be_made_opens_nothing(left_out: bytes) -> None:
    def never(_: Upgrade) -> WebSocketListener:
        raise AssertionError("nobody would hear that this one ends")

    async with serving(open_gate(), never) as connect, connect() as client:
        await client.send(UPGRADE.replace(b"/ws", b"/socket").replace(left_out, b""))
        assert (await client.reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_who_was_refused_is_not_waited_for_without_end() -> None:
    """It may read why for a moment; those who are too many for that are closed at once."""
    parting = Places(1, 0)
    async with serving(gate(Places(1, 0), parting=parting)) as connect, connect() as first:
        assert (await first.get())[0] == 200
        async with connect() as second, connect() as third:
            for client in (second, third):
                assert (await client.refusal())[0] == 503
            assert parting.count == 1
            await emptied(parting)


async def test_upgrades_have_a_rate() -> None:
    async with serving(gate(upgrades=RateLimit(1, burst=2))) as connect:
        for expected in (404, 404, 429):
            async with connect() as client:
                began = asyncio.get_running_loop().time()
                await client.send(UPGRADE)
                if expected == 429:
                    status, problem = await client.refusal()
                    assert asyncio.get_running_loop().time() - began >= 0.1, "not at once"
                    assert (status, problem["code"], problem["retry"]) == (429, "rate_limited", "1")
                else:
                    assert (await client.answer())[0] == expected
        async with connect() as client:
            assert (await client.get())[0] == 200


async def test_requests_wait_for_their_turn_and_no_longer_than_bearable() -> None:
    async with serving(gate(requests=Queues(50, burst=1, longest=0.25))) as connect, connect() as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(6):
            assert (await client.get())[0] == 200
        assert loop.time() - began > 4 / 50
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 30)
        async with asyncio.timeout(10):
            answered = (await client.reader.read()).count(b"HTTP/1.1 200")
        assert 0 < answered < 30


async def test_a_request_too_many_is_told_when_to_come_again() -> None:
    async with serving(gate(requests=Queues(0.1, burst=1, longest=1))) as connect, connect() as client:
        assert (await client.get())[0] == 200
        await client.send(post(b"Content-Length: 70000\r\n") + b"x" * 1000, b"x" * 69_000)
        status, problem = await client.refusal()
        assert (status, problem["code"]) == (429, "rate_limited")
        assert 9 <= int(problem["retry"]) <= 11


async def test_requests_count_for_the_client_behind_a_trusted_proxy() -> None:
    def get(client: bytes) -> bytes:
        return b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + client + b"\r\n\r\n"

    async with serving(gate(requests=Queues(0.01, burst=1, longest=1), proxies=Proxies())) as connect:
        for client, expected in ((b"192.0.2.1", 200), (b"192.0.2.2", 200), (b"192.0.2.3, 192.0.2.1", 429)):
            async with connect() as proxy:
                await proxy.send(get(client))
                assert (await proxy.answer())[0] == expected


async def test_what_is_not_http_is_refused_once() -> None:
    async with connected() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", b"more")
        status, problem = await client.refusal()
        assert (status, problem["code"]) == (400, "malformed")


def test_a_client_that_goes_costs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Also one that has sent several requests at once, of which the first is being answered."""

    async def scenario() -> None:
        places = Places(9, 0)
        async with serving(gate(places, requests=Queues(50, burst=1, longest=9))) as connect:
            for _ in range(5):
                async with connect() as client:
                    await client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            await emptied(places)
            await asyncio.sleep(0.3)  # until all would have had their turns

    uvloop.run(scenario())
    assert "Exception in ASGI" not in caplog.text


async def test_a_body_that_is_not_http_is_refused_once() -> None:
    async with connected() as client:
        await client.send(post(b"Transfer-Encoding: chunked\r\n"), b"5\r\nhello\r\n", b"zz\r\n", b"more")
        status, problem = await client.refusal()
        assert (status, problem["code"]) == (400, "malformed")


async def test_what_waits_for_its_answer_gets_it_before_the_connection_ends() -> None:
    async with serving(gate(requests=Queues(20, burst=1, longest=0.25))) as connect, connect() as client:
        await client.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"nonsense\r\n\r\n")
        assert [(await client.answer())[0] for _ in range(3)] == [200, 200, 200]
        async with asyncio.timeout(10):
            assert await client.reader.read() == b""


def test_idle_connections_end_sooner_in_a_crowd() -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        async with serving(gate(Places(3, 0))) as connect, connect() as first:
            assert (await first.get())[0] == 200
            clock.ahead += CROWDED_SECONDS + 1
            assert (await first.get())[0] == 200
            async with connect() as second:
                assert (await second.get())[0] == 200
                clock.ahead += CROWDED_SECONDS + 1
                async with asyncio.timeout(10):
                    assert await second.reader.read() == b""
            assert (await first.get())[0] == 200

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(scenario())
