"""A stateful SignalR connection whose WebSocket lands on another worker than the one that holds it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import httpx
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from tertulia.ids import new_uuid
from tertulia.sockets.signalr import relay
from tertulia.sockets.signalr.other_workers import PURPOSE, OtherWorkers, sealed
from tertulia.state.registry import web_workers
from tests.integration.hub.harness import SETTINGS, Fleet, Worker
from tests.integration.hub.signalr import END, SignalRClient, connect_signalr, negotiated


@pytest.fixture
async def owner(fleet: Fleet) -> Worker:
    """The worker that holds the connection; the others know where it is."""
    made = await fleet.worker()
    await fleet.register(made, made.internal_url)
    return made


async def test_nothing_is_passed_on_to_an_address_that_somebody_has_written_to_redis(
    fleet: Fleet, worker: Worker, owner: Worker
) -> None:
    called = asyncio.Event()

    async def steal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(steal, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    known = sealed(owner.hub.id, owner.internal_url, fleet.keyring.tokens.derived(PURPOSE))
    await web_workers(fleet.redis).beat(replace(known, internal_url=url))
    async with server:
        await _is_told_to_begin_anew(await _bare(worker, owner))
    assert not called.is_set()


async def _relayed(worker: Worker, owner: Worker) -> SignalRClient:
    return await connect_signalr(worker, token=await negotiated(owner, stateful=True))


async def test_a_ping_is_answered(worker: Worker, owner: Worker) -> None:
    client = await _relayed(worker, owner)
    assert len(owner.hub.clients) == 1
    async with asyncio.timeout(5):
        await (await client.socket.ping(b"are you there"))


async def test_who_pings_and_reads_nothing_fills_no_memory(fleet: Fleet, worker: Worker) -> None:
    owner = await fleet.worker(replace(SETTINGS, burst=1_000_000))
    await fleet.register(owner, owner.internal_url)
    room, user = await fleet.room(), new_uuid()
    ann, _ = await fleet.join(owner, room)
    client = await _relayed(worker, owner)
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    pongs: list[bytes] = []
    client.socket.acknowledge_pings = pongs.append  # type: ignore[method-assign, assignment]
    client.socket.transport.pause_reading()
    payloads = [b"%0125d" % number for number in range(60_000)]
    pings = b"".join(Frame(Opcode.PING, payload).serialize(mask=True, extensions=[]) for payload in payloads)
    client.socket.transport.write(pings)
    await client.post("UpdateState", {"isMuted": True})
    await ann.event("StateChanged", userId=user)
    client.socket.transport.resume_reading()
    await client.event("StateChanged", userId=user)
    assert len(pongs) < 50_000
    assert pongs[-1] == payloads[-1], "the newest is answered"


async def _bare(worker: Worker, owner: Worker) -> ClientConnection:
    """A WebSocket that has said nothing yet, not even what it speaks."""
    return await connect(f"{worker.url}/hub?id={await negotiated(owner, stateful=True)}", ping_interval=None)


async def _is_told_to_begin_anew(socket: ClientConnection) -> None:
    async with asyncio.timeout(5):
        await socket.send('{"type":9,"sequenceId":1}' + END)
        assert [json.loads(one) for one in str(await socket.recv()).split(END) if one] == [
            {"type": 9, "sequenceId": 1},
            {"type": 7, "error": relay.GONE, "allowReconnect": True},
        ]
        await socket.wait_closed()
    assert socket.close_code == 1012


async def test_a_client_that_says_nothing_to_a_worker_that_is_gone(
    worker: Worker, owner: Worker, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "REFUSED_SECONDS", 0.2)
    await web_workers(fleet.redis).leave(owner.hub.id)
    socket = await _bare(worker, owner)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert socket.close_code == 1012


async def test_what_nobody_expected_is_logged_and_told(
    worker: Worker, owner: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = new_uuid()

    async def broken(self: OtherWorkers, worker: str) -> str | None:
        raise ValueError(secret)

    monkeypatch.setattr(OtherWorkers, "url", broken)
    with capture_logs() as logs:
        await _is_told_to_begin_anew(await _bare(worker, owner))
    (entry,) = (log for log in logs if log["log_level"] == "error")
    assert entry["error"] == "ValueError"
    assert "raise ValueError" in entry["where"]
    assert secret not in str(logs)


async def test_an_owner_that_answers_too_late_is_left_alone(
    worker: Worker, owner: Worker, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "CONNECT_SECONDS", 0.2)
    told, left = asyncio.Event(), asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        await told.wait()
        answer = (
            f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}"
        )
        writer.write(answer.encode() + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        left.set()
        writer.close()

    server = await asyncio.start_server(late, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await fleet.register(owner, url)
    async with server:
        await _is_told_to_begin_anew(await _bare(worker, owner))
        told.set()
        async with asyncio.timeout(3):  # less than any bound of picows
            await left.wait()


async def test_the_internal_address_is_for_workers_only(owner: Worker) -> None:
    token = await negotiated(owner, stateful=True)
    sockets = owner.internal_url.replace("http", "ws", 1)
    forged = {"x-tertulia-forwarded": f"{int(time.time())} 192.0.2.1 {'0' * 64}"}
    async with httpx.AsyncClient() as http:
        for headers in ({}, forged, {"x-tertulia-forwarded": "1"}):
            for path in (f"/hub?id={token}", "/hub/negotiate", "/v1/rooms", "/metrics"):
                assert (await http.post(owner.internal_url + path, headers=headers)).status_code == 403
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{sockets}/hub?id={token}", additional_headers=headers)
            assert refused.value.response.status_code == 403


async def test_a_post_that_lands_elsewhere_is_passed_on_and_has_one_date(worker: Worker, owner: Worker) -> None:
    token = await negotiated(owner, stateful=False)
    base = worker.url.replace("ws", "http", 1) + "/hub"
    async with httpx.AsyncClient() as http:
        first = await http.get(base, params={"id": token})
        posted = await http.post(base, params={"id": token}, content='{"protocol":"json","version":1}' + END)
        poll = await http.get(base, params={"id": token})
    assert (first.status_code, posted.status_code, poll.status_code, poll.text) == (200, 200, 200, "{}" + END)
    assert len(poll.headers.get_list("date")) == 1
