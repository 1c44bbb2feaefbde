"""Clients that do not read: they delay nobody, what is stale is dropped, who stays stuck is closed."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from tertulia.ids import new_uuid
from tertulia.room.closing import STUCK
from tertulia.room.events import Event
from tertulia.sockets import lingering, outgoing
from tests.integration.hub.harness import SETTINGS, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import SignalRClient, connect_signalr

DIALECTS = ("plain", "SignalR", "stateful SignalR")
UNLIMITED = replace(SETTINGS, burst=1_000_000)


async def _connect(worker: Worker, dialect: str, sock: socket.socket) -> PlainClient:
    if dialect != "plain":
        return await connect_signalr(worker, stateful=dialect.startswith("stateful"), sock=sock)
    return PlainClient(
        await connect(worker.url + "/ws", sock=sock, compression=None, ping_interval=None, max_size=None)
    )


async def _stalled(fleet: Fleet, worker: Worker, room: str, dialect: str = "plain") -> tuple[PlainClient, str]:
    """A member who has joined and reads no more, with small buffers on the way."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    host, _, port = worker.url.removeprefix("ws://").partition(":")
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    client = await _connect(worker, dialect, sock)
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


@pytest.mark.parametrize("dialect", DIALECTS[:2])
async def test_what_waits_for_a_slow_reader_waits_where_the_stale_is_dropped(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    full: list[int] = []
    pause = outgoing.OutgoingSocket.pause_writing

    def noted(self: outgoing.OutgoingSocket) -> None:
        assert self._ws is not None
        full.append(self._ws.underlying_transport.get_write_buffer_size())
        pause(self)

    monkeypatch.setattr(outgoing.OutgoingSocket, "pause_writing", noted)
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(6):
        await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
    await ann.call("SendChat", {"text": "end"})
    stalled.socket.transport.resume_reading()
    await stalled.event("ChatMessage", text="end")
    assert len(stalled.named("ReceiveOffer")) == 6
    assert max(full) < 300_000, "at most the high-water mark and a message"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_who_pings_and_reads_nothing_fills_no_memory(fleet: Fleet, dialect: str) -> None:
    worker, room = await fleet.worker(UNLIMITED), await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
    pongs: list[bytes] = []
    stalled.socket.acknowledge_pings = pongs.append  # type: ignore[method-assign, assignment]
    payloads = [b"%0125d" % number for number in range(20_000)]
    pings = b"".join(Frame(Opcode.PING, payload).serialize(mask=True, extensions=[]) for payload in payloads)
    stalled.socket.transport.write(pings)
    await stalled.post("UpdateState", {"isMuted": True})
    await ann.event("StateChanged", userId=user)
    stalled.socket.transport.resume_reading()
    await stalled.event("StateChanged", userId=user)
    assert len(pongs) < 10_000
    answers = [pong for pong in pongs if pong]  # an empty one shows proxies that the connection lives
    assert answers[-1] == payloads[-1], "the newest is answered"
    assert answers == sorted(answers)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_reader_that_is_too_far_behind_is_closed(fleet: Fleet, dialect: str) -> None:
    worker = await fleet.worker(replace(SETTINGS, blip=0))  # so that what comes after the end is little enough to keep
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
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


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_waited_for_a_reader_that_the_hub_closes_is_missed(
    fleet: Fleet, worker: Worker, dialect: str
) -> None:
    strict = await fleet.worker(replace(SETTINGS, calls_per_second=0, burst=1, limited_for=0))
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, strict, room, dialect)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(4):
        await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
    await stalled.post("UpdateState", {"isMuted": True}, id=2)  # one call too many
    await ann.event("ConnectionLost", userId=user)
    await stalled.cut()
    back, _ = await fleet.join(worker, room, user, resumeToken=stalled.result["resumeToken"])
    assert back.result["missed"] is True


@pytest.mark.parametrize("dialect", DIALECTS[:2])
async def test_what_waited_for_a_reader_that_closes_with_an_error_is_missed(
    fleet: Fleet, worker: Worker, dialect: str
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(4):
        await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
    close = Frame(Opcode.CLOSE, (3000).to_bytes(2))
    stalled.socket.transport.write(close.serialize(mask=True, extensions=[]))
    await ann.event("ConnectionLost", userId=user)
    await stalled.cut()
    back, _ = await fleet.join(worker, room, user, resumeToken=stalled.result["resumeToken"])
    assert back.result["missed"] is True


@pytest.mark.parametrize("dialect", DIALECTS[1:])
async def test_what_is_said_in_the_turn_in_which_the_hub_closes_is_missed(
    fleet: Fleet, worker: Worker, dialect: str
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
    await ann.event("ParticipantJoined", userId=user)
    member = (await fleet.members(room))[user]
    (bob,) = (client for client in worker.hub.clients if client.id == member["connectionId"])
    if dialect.startswith("stateful"):
        assert isinstance(stalled, SignalRClient)
        await stalled.acknowledge(10)
    await stalled.post("KeepAlive")  # nothing else is missed
    await ann.fence()
    await ann.fence()
    bob.close(1008, "too many calls for too long")
    bob.send(Event("ChatMessage", {}))
    await ann.event("ConnectionLost", userId=user)
    await stalled.cut()
    back, _ = await fleet.join(worker, room, user, resumeToken=stalled.result["resumeToken"])
    assert back.result["missed"] is True


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_reader_that_reads_nothing_for_long_is_closed(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    monkeypatch.setattr(outgoing, "STUCK_AFTER", 0.3)
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(4):
        await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
    await ann.event("ConnectionLost", userId=user)
    await stalled.cut()
    back, _ = await fleet.join(worker, room, user, resumeToken=stalled.result["resumeToken"])
    assert back.result["missed"] is True


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_reader_that_reads_again_in_time_hears_why_it_was_closed(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    closed = asyncio.Event()
    give_up = outgoing.OutgoingSocket._give_up

    def noted(self: outgoing.OutgoingSocket) -> None:
        give_up(self)
        closed.set()

    monkeypatch.setattr(outgoing.OutgoingSocket, "_give_up", noted)
    monkeypatch.setattr(outgoing, "STUCK_AFTER", 0.3)
    monkeypatch.setattr(lingering, "LINGER", 10)
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    stalled, user = await _stalled(fleet, worker, room, dialect)
    await ann.event("ParticipantJoined", userId=user)
    for _ in range(4):
        await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0" + "x" * 190_000})
    await asyncio.wait_for(closed.wait(), 10)
    stalled.socket.transport.resume_reading()
    assert await stalled.closed() == STUCK.code
    assert stalled.socket.close_reason == STUCK.reason
    if dialect != "plain":
        assert stalled.frames[-1] == {"close": {"type": 7, "error": STUCK.reason, "allowReconnect": True}}


LONG = "x" * 190_000


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("SendOffer", {"targetUserId": new_uuid(), "sdp": "v=0" + LONG}, "unknown_target"),
        ("SendIceCandidate", {"targetUserId": new_uuid(), "candidate": {"x": LONG}}, "invalid"),
        ("SendChat", {"text": LONG}, "invalid"),
        ("SendChat", {"text": "\ud800" + LONG}, "invalid"),
        ("NoSuchCall", {"x": [LONG]}, "unknown_event"),
        ("x" * 190_000, None, "unknown_event"),
    ],
    ids=["an offer", "a candidate", "a text", "bad text", "an unknown call", "a long name"],
)
async def test_calls_that_pile_up_behind_a_slow_one_are_bounded(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, event: str, payload: object, code: str
) -> None:
    """While JoinRoom waits, at most a megabyte of text waits behind it; the rest is refused."""
    worker, room = await fleet.worker(UNLIMITED), await fleet.room()
    client, user = await worker.connect(), new_uuid()
    frames = [{"event": "JoinRoom", "payload": {"roomId": room, "token": fleet.token(room, user)}, "id": 0}]
    frames += [{"event": event, "payload": payload, "id": n} for n in range(1, 20)]
    gate = asyncio.Event()
    verify = fleet.keyring.verify_room

    async def slow(token: str) -> object:
        await gate.wait()
        return await verify(token)

    monkeypatch.setattr(fleet.keyring, "verify_room", slow)
    for frame in frames:
        await client.send(json.dumps(frame))
    await client.frame(lambda f: f.get("replyTo") == 19)
    gate.set()
    for n in range(6):
        await client.frame(lambda f, n=n: f.get("replyTo") == n)
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
