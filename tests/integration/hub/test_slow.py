"""Clients that do not read: they delay nobody, what is stale is dropped, who stays stuck is closed."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest
from websockets.asyncio.client import connect

from tertulia.http import outgoing
from tertulia.ids import new_uuid
from tests.integration.hub.harness import Fleet, PlainClient, Worker


async def _stalled(fleet: Fleet, worker: Worker, room: str) -> tuple[PlainClient, str]:
    """A member who has joined and reads no more, with small buffers on the way."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    host, _, port = worker.url.removeprefix("ws://").partition(":")
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    client = PlainClient(
        await connect(worker.url + "/ws", sock=sock, compression=None, ping_interval=None, max_size=None)
    )
    user = new_uuid()
    client.result = await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    client.socket.transport.pause_reading()
    return client, user


async def test_a_stalled_reader_delays_nobody_and_gets_the_newest_state(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room)
    await ann.event("ParticipantJoined", userId=user)
    offer = {"targetUserId": user, "sdp": "v=0" + "x" * 190_000}
    for _ in range(3):  # fill the kernel's buffers and go over the high-water mark
        await ann.call("SendOffer", offer)
    started = time.monotonic()
    for number in range(200):
        await ann.call("UpdateState", {"isMuted": number % 2 == 0})
    await ann.call("SendChat", {"text": "end"})
    await bob.event("ChatMessage", text="end")
    assert len(bob.named("StateChanged")) == 200
    assert time.monotonic() - started < 10
    stalled.socket.transport.resume_reading()
    await stalled.event("ChatMessage", text="end")
    states = stalled.named("StateChanged")
    assert len(states) < 200
    assert states[-1] == {"userId": ann_id, "isMuted": False, "isVideoOn": False}
    assert [name for name, _ in stalled.events][-2:] == ["StateChanged", "ChatMessage"]
    assert len(stalled.named("ReceiveOffer")) == 3


async def test_a_reader_that_is_too_far_behind_is_closed(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(30):
        await ann.call("SendChat", {"text": "x" * 4000, "targetUserId": user})
    while not ann.named("ConnectionLost"):
        await ann.post("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
        await ann.fence()
    assert ann.named("ParticipantLeft") == []  # it keeps its seat: it may come back and say so
    stalled.socket.transport.resume_reading()
    assert await stalled.closed() in (1013, 1006)
    back, _ = await fleet.join(worker, room, user, resumeToken=stalled.result["resumeToken"])
    assert back.result["missed"] is True


async def test_a_reader_that_reads_nothing_for_long_is_closed(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "STUCK_AFTER", 0.3)
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(4):
        await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
    await ann.event("ConnectionLost", userId=user)
    await stalled.cut()


LONG = "x" * 190_000


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("SendOffer", {"targetUserId": new_uuid(), "sdp": "v=0" + LONG}, "unknown_target"),
        ("SendIceCandidate", {"targetUserId": new_uuid(), "candidate": {"x": LONG}}, "unknown_target"),
        ("SendChat", {"text": LONG}, "invalid"),
        ("SendChat", {"text": "\ud800" + LONG}, "invalid"),
        ("NoSuchCall", {"x": [LONG]}, "unknown_event"),
        ("x" * 190_000, None, "unknown_event"),
    ],
    ids=["an offer", "a candidate", "a text", "bad text", "an unknown call", "a long name"],
)
async def test_calls_that_pile_up_behind_a_slow_one_are_bounded(
    fleet: Fleet, worker: Worker, event: str, payload: object, code: str
) -> None:
    """While JoinRoom waits, at most a megabyte of text waits behind it; the rest is refused."""
    room = await fleet.room()
    client, user = await worker.connect(), new_uuid()
    frames = [{"event": "JoinRoom", "payload": {"roomId": room, "token": fleet.token(room, user)}, "id": 0}]
    frames += [{"event": event, "payload": payload, "id": n} for n in range(1, 20)]
    gate = asyncio.Event()
    verify = worker.hub._joining._keys.verify_room

    async def slow(token: str) -> object:
        await gate.wait()
        return await verify(token)

    worker.hub._joining._keys.verify_room = slow  # type: ignore[method-assign, assignment]
    try:
        for frame in frames:
            await client.send(json.dumps(frame))
        await client.frame(lambda f: f.get("replyTo") == 19)
        gate.set()
        await client.frame(lambda f: f.get("replyTo") == 1)
    finally:
        worker.hub._joining._keys.verify_room = verify  # type: ignore[method-assign]
    codes = {f["replyTo"]: f["error"]["code"] for f in client.frames if "error" in f}
    assert [codes[n] for n in range(1, 6)] == [code] * 5
    assert codes[19] == "rate_limited"


async def test_a_server_that_stops_says_1012_and_keeps_the_seats(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    idle = await worker.connect()
    bob, _ = await fleet.join(second, room)
    await worker.hub.stop()
    for client in (ann, idle):
        assert await client.closed() == 1012
    assert (await fleet.hash(room))["participantCount"] == "2"
    back, _ = await fleet.join(second, room, ann_id, resumeToken=ann.result["resumeToken"])
    assert back.result["missed"] is True
    await back.call("SendChat", {"text": "back"})
    await bob.event("ChatMessage")
    assert bob.named("ParticipantLeft") == []


async def test_uvicorn_alone_says_1012_too(fleet: Fleet, worker: Worker) -> None:
    client = await worker.connect()
    worker.server.should_exit = True
    assert await client.closed() == 1012
