"""A stateful SignalR connection whose WebSocket lands on another worker than the one that holds it."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from tertulia.ids import new_uuid
from tertulia.state import registry
from tertulia.state.registry import web_workers
from tests.integration.hub.harness import Fleet, Worker
from tests.integration.hub.signalr import SignalRClient, connect_signalr, negotiated


@pytest.fixture
async def owner(fleet: Fleet) -> Worker:
    """The worker that holds the connection; the others know where it is."""
    made = await fleet.worker()
    entry = registry.Worker(id=made.hub.id, internal_url=made.url.replace("ws", "http", 1))
    await web_workers(fleet.redis).beat(entry)
    return made


async def _relayed(worker: Worker, owner: Worker) -> SignalRClient:
    return await connect_signalr(worker, token=await negotiated(owner, stateful=True))


async def test_a_ping_is_answered(worker: Worker, owner: Worker) -> None:
    client = await _relayed(worker, owner)
    assert len(owner.hub._connections) == 1
    async with asyncio.timeout(5):
        await (await client.socket.ping(b"are you there"))


async def test_who_pings_and_reads_nothing_fills_no_memory(fleet: Fleet, worker: Worker, owner: Worker) -> None:
    room, user = await fleet.room(), new_uuid()
    ann, _ = await fleet.join(owner, room)
    client = await _relayed(worker, owner)
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    pongs: list[bytes] = []
    client.socket.acknowledge_pings = pongs.append  # type: ignore[method-assign]
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
