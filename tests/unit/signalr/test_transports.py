"""The transports on ASGI: a client that does not keep up, and what an end says of what did not go out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tertulia.signalr.connection import Ended
from tertulia.signalr.messages import Tracked
from tertulia.signalr.options import Options
from tertulia.signalr.serve import longpolling, request
from tertulia.signalr.serve.asgi import SignalR
from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.endpoint import MAX_EARLY, MAX_EARLY_PER_SITE, Endpoint, Kind
from tertulia.signalr.tokens import Claims

BOUND = 1000
SHAKE = b'{"protocol":"json","version":1}\x1e'
TOO_SLOW = {"type": 7, "error": "The client does not keep up.", "allowReconnect": True}


class Recorder:
    """An application that notes what happens."""

    def __init__(self) -> None:
        self.opening: asyncio.Future[HubConnection] = asyncio.get_running_loop().create_future()
        self.ending: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    def opened(self, connection: HubConnection) -> None:
        self.opening.set_result(connection)

    def received(self, connection: HubConnection, message: Tracked) -> None: ...

    def ended(self, connection: HubConnection, ended: Ended) -> None:
        self.ending.set_result(ended)


class Request:
    """One request to the application; nothing that it sends is taken while ``reads`` is cleared."""

    def __init__(self, app: SignalR, kind: str, method: str, query: str, *headers: tuple[bytes, bytes]) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.given: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": kind, "method": method, "path": "/hub", "query_string": query.encode(), "headers": headers}
        if query == "negotiate":
            scope |= {"path": "/hub/negotiate", "query_string": b"negotiateVersion=1"}
        self.task = asyncio.create_task(app(scope, self.given.get, self._send))

    async def _send(self, event: Any) -> None:
        await self.reads.wait()
        self.sent.put_nowait(dict(event))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            return await self.sent.get()

    async def body(self) -> bytes:
        """The body of a whole answer, or the next part of one without end."""
        event = await self.next()
        if event["type"] == "http.response.start":
            event = await self.next()
        content: bytes = event["body"]
        return content


async def post(app: SignalR, token: str, data: bytes) -> None:
    sent = Request(app, "http", "POST", f"id={token}")
    sent.given.put_nowait({"type": "http.request", "body": data})
    await sent.body()


async def negotiated(app: SignalR) -> str:
    return str(json.loads(await Request(app, "http", "POST", "negotiate").body())["connectionToken"])


class Client:
    """``stop``: the client stops reading; ``rest``: it reads the messages to the end, and the close code."""

    def __init__(self, app: SignalR, kind: str) -> None:
        self._app = app
        self._kind = kind
        self._token = ""
        self._request: Request | None = None

    async def connect(self) -> None:
        if self._kind == "websocket":
            self._request = Request(self._app, "websocket", "GET", "")
            self._request.given.put_nowait({"type": "websocket.connect"})
            assert (await self._request.next())["type"] == "websocket.accept"
            self._request.given.put_nowait({"type": "websocket.receive", "bytes": SHAKE})
            assert (await self._request.next())["text"] == "{}\x1e"
            return
        self._token = await negotiated(self._app)
        accept = (b"accept", b"text/event-stream" if self._kind == "sse" else b"*/*")
        begun = Request(self._app, "http", "GET", f"id={self._token}", accept)
        await begun.body()
        await post(self._app, self._token, SHAKE)
        if self._kind == "sse":
            self._request = begun
            assert await begun.body() == b"data: {}\x1e\r\n\r\n"
        else:
            assert await Request(self._app, "http", "GET", f"id={self._token}", accept).body() == b"{}\x1e"

    async def stop(self) -> None:
        if self._request is not None:
            self._request.reads.clear()

    async def rest(self) -> tuple[list[Any], int | None]:
        if self._request is None:
            data = await Request(self._app, "http", "GET", f"id={self._token}").body()
            return [json.loads(text) for text in data.split(b"\x1e")[:-1]], None
        self._request.reads.set()
        found: list[Any] = []
        while True:
            event = await self._request.next()
            if event["type"] == "websocket.close":
                return found, event["code"]
            if event["type"] == "http.response.body" and not event["more_body"]:
                return found, None
            data = event["text"].encode() if "text" in event else event["body"].removeprefix(b"data: ").rstrip()
            found += [json.loads(text) for text in data.split(b"\x1e")[:-1]]


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[tuple[Client, HubConnection, Recorder]]:
    recorder = Recorder()
    client = Client(SignalR(recorder, options=Options(max_waiting=BOUND)), kind)
    await client.connect()
    async with asyncio.timeout(5):
        yield client, await recorder.opening, recorder


KINDS = ["websocket", "sse", "polling"]


@pytest.mark.parametrize("kind", ["sse", "polling"])
async def test_what_is_posted_before_the_transport_begins_is_taken(kind: str) -> None:
    recorder = Recorder()
    app = SignalR(recorder, options=Options(max_waiting=BOUND))
    token = await negotiated(app)
    async with asyncio.timeout(5):
        await post(app, token, SHAKE)
        accept = (b"accept", b"text/event-stream" if kind == "sse" else b"*/*")
        begun = Request(app, "http", "GET", f"id={token}", accept)
        assert await begun.body() == (b":\r\n" if kind == "sse" else b"")
        await recorder.opening
        following = begun if kind == "sse" else Request(app, "http", "GET", f"id={token}", accept)
        assert await following.body() == (b"data: {}\x1e\r\n\r\n" if kind == "sse" else b"{}\x1e")


async def test_a_poll_without_data_is_answered_before_proxies_give_up_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert longpolling.POLL_TIMEOUT < 55
    monkeypatch.setattr(longpolling, "POLL_TIMEOUT", 0.02)
    app = SignalR(Recorder())
    token = await negotiated(app)
    for _ in range(3):
        assert await Request(app, "http", "GET", f"id={token}").body() == b""
    await post(app, token, SHAKE)
    assert await Request(app, "http", "GET", f"id={token}").body() == b"{}\x1e"


@pytest.mark.parametrize("begins", [False, True])
async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, begins: bool) -> None:
    monkeypatch.setattr(request, "BODY_SECONDS", 0.02)
    app = SignalR(Recorder())
    token = await negotiated(app)
    if begins:
        await Request(app, "http", "GET", f"id={token}").body()
    slow = Request(app, "http", "POST", f"id={token}")
    slow.given.put_nowait({"type": "http.request", "body": SHAKE[:5], "more_body": True})
    assert (await slow.next())["status"] == 408
    await post(app, token, SHAKE[5:])  # and nothing waits behind it


async def test_so_much_and_no_more_is_kept_before_a_transport_begins() -> None:
    app = SignalR(Recorder())
    token = await negotiated(app)
    async with asyncio.timeout(5):
        statuses = []
        for size in (MAX_EARLY, 1):
            sent = Request(app, "http", "POST", f"id={token}")
            sent.given.put_nowait({"type": "http.request", "body": b" " * size})
            statuses.append((await sent.next())["status"])
    assert statuses == [200, 409]


async def test_one_address_does_not_use_up_what_all_may_post_before_a_transport_begins() -> None:
    kept = Endpoint(Recorder(), site_of=lambda address: address[0])
    tokens = [str(json.loads(kept.negotiate({"negotiateversion": "1"}))["connectionToken"]) for _ in range(20)]
    full = MAX_EARLY_PER_SITE // MAX_EARLY
    data = b" " * MAX_EARLY
    assert [kept.keep_early(token, data, "a:1") for token in tokens] == [True] * full + [False] * (20 - full)
    assert not kept.keep_early(tokens[-1], b" ", "a:2")
    assert kept.keep_early(tokens[-1], data, "b:1")
    claims = kept.request(tokens[0])
    assert isinstance(claims, Claims)
    kept.begin(Kind.LONG_POLLING, tokens[0], claims)
    assert kept.keep_early(tokens[-2], data, "a:1")


async def test_what_comes_behind_the_handshake_in_one_piece_is_counted() -> None:
    counted: list[int] = []

    def count(message: bytes) -> bool:
        counted.append(len(message))
        return True

    class Metered(Recorder):
        def opened(self, connection: HubConnection) -> None:
            connection.core.meter = count
            super().opened(connection)

    app = SignalR(Metered())
    token = await negotiated(app)
    await post(app, token, b'{"protocol":"json","version":1}\x1e' + b'{"type":6}\x1e' * 3)
    await Request(app, "http", "GET", f"id={token}").body()
    assert counted == [10, 10, 10]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_does_not_keep_up_is_told_that_it_may_come_back(kind: str) -> None:
    async with opened(kind) as (client, connection, recorder):
        await client.stop()
        for number in range(20):
            connection.send_frame(b'{"type":1,"target":"A","arguments":["%0100d"]}\x1e' % number)
            await asyncio.sleep(0)
        ended = await recorder.ending
        assert (ended.clean, ended.unsent) == (False, True)
        messages, code = await client.rest()
        assert messages[-1] == TOO_SLOW
        assert code == (1013 if kind == "websocket" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("waits", [False, True])
async def test_what_waits_when_the_application_closes(kind: str, waits: bool) -> None:
    async with opened(kind) as (client, connection, recorder):
        await client.stop()
        if waits:
            connection.send_frame(b'{"type":1,"target":"A","arguments":[]}\x1e')
        connection.close("enough")
        assert await recorder.ending == Ended(clean=False, error="enough", unsent=waits)
        messages, _ = await client.rest()
        assert [message["type"] for message in messages] == ([1, 7] if waits else [7])


@pytest.mark.parametrize("kind", KINDS)
async def test_who_can_wait_is_told_when_the_client_keeps_up_again(kind: str) -> None:
    async with opened(kind) as (client, connection, _):
        await client.stop()
        connection.send_frame(b'{"type":1,"target":"A","arguments":["%0300d"]}\x1e' % 0)
        assert connection.congested, "a quarter of the bound waits"
        waiting = asyncio.create_task(connection.writable())
        await asyncio.sleep(0)
        assert not waiting.done()
        reading = asyncio.create_task(client.rest())
        await waiting
        connection.close()
        await reading
