"""What those may do who have not joined a room: few connections at once, small messages."""

from __future__ import annotations

import os
import struct

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tertulia.hub import hub
from tertulia.ids import new_uuid
from tertulia.sockets.lobby import MAX_MESSAGE, Lobby
from tests.integration.hub.harness import CallRefused, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr, negotiated

LARGE = "v=0\r\n" + "a=x\r\n" * 20_000
"""An SDP of 100,000 characters."""


@pytest.fixture
async def small(fleet: Fleet) -> Worker:
    """A worker with room for two who have not joined."""
    return await fleet.worker(lobby=Lobby(2, 2))


async def _connected(worker: Worker, dialect: str) -> PlainClient:
    return await (worker.connect() if dialect == "plain" else connect_signalr(worker))


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_who_has_joined_or_left_makes_room(fleet: Fleet, small: Worker, dialect: str) -> None:
    room = await fleet.room()
    first, second = [await _connected(small, dialect) for _ in range(2)]
    with pytest.raises(InvalidStatus) as refused:
        await _connected(small, dialect)
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "15"
    await first.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    third = await _connected(small, dialect)
    await second.close()
    await third.close()
    for _ in range(2):
        await _connected(small, dialect)


async def test_streams_and_polls_count_too(small: Worker) -> None:
    base = small.url.replace("ws", "http", 1) + "/hub"
    async with httpx.AsyncClient() as http:
        tokens = [await negotiated(small, stateful=False) for _ in range(3)]
        answers = [await http.get(base, params={"id": token}) for token in tokens]
        assert [answer.status_code for answer in answers] == [200, 200, 503]
        events = {"Accept": "text/event-stream"}
        assert (await http.get(base, params={"id": tokens[2]}, headers=events)).status_code == 503


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_user_has_so_many_connections_those_that_have_left_too(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    monkeypatch.setattr(hub, "MOST_CONNECTIONS", 3)
    room, user = await fleet.room(), new_uuid()
    join = {"roomId": room, "token": fleet.token(room, user)}
    left = [await _connected(worker, dialect) for _ in range(2)]
    for client in left:
        await client.call("JoinRoom", join)
        await client.call("LeaveRoom")
    seated, another = [await _connected(worker, dialect) for _ in range(2)]
    await seated.call("JoinRoom", join)
    with pytest.raises(CallRefused, match="rate_limited: you have 3 connections"):
        await another.call("JoinRoom", join)
    await fleet.join(worker, room)
    await left[0].call("JoinRoom", join)
    await left[1].close()
    await another.call("JoinRoom", join)


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_large_message_before_joinroom_ends_the_connection(worker: Worker, dialect: str) -> None:
    client = await _connected(worker, dialect)
    await client.post("SendOffer", {"targetUserId": "sfu", "sdp": LARGE})
    assert await client.closed() in (1009, 1000)  # SignalR: a Close message says so


async def test_fragments_are_counted_together(worker: Worker) -> None:
    client = await worker.connect()
    await client.socket.send("x" * 1000 for _ in range(1 + MAX_MESSAGE // 1000))
    assert await client.closed() == 1009


async def test_a_frame_that_never_ends_is_not_kept(worker: Worker) -> None:
    """It is refused long before it is whole."""
    client = await worker.connect()
    head = b"\x81\xff" + struct.pack("!Q", 250_000) + os.urandom(4)
    client.socket.transport.write(head + bytes(200_000))
    assert await client.closed() == 1009


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
@pytest.mark.parametrize("fragments", [1, 3])
async def test_nor_is_one_kept_behind_a_joinroom_whose_token_is_bad(
    fleet: Fleet, worker: Worker, dialect: str, fragments: int
) -> None:
    client = await _connected(worker, dialect)
    await client.post("JoinRoom", {"roomId": await fleet.room(), "token": "wrong"})
    size = 240_000 // fragments
    head = struct.pack("!Q", size + (fragments == 1)) + bytes(4)  # alone it is not whole, or they have no end
    for number in range(fragments):
        first = 0x81 if fragments == 1 else 0x00 if number else 0x01
        client.socket.transport.write(bytes((first, 0xFF)) + head + bytes(size))
    assert await client.closed() in (1009, 1000)


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_behind_joinroom_large_messages_are_taken(fleet: Fleet, worker: Worker, dialect: str) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob = await _connected(worker, dialect)
    await bob.post("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    await bob.post("SendOffer", {"targetUserId": ann_id, "sdp": LARGE})
    assert (await ann.event("ReceiveOffer"))["sdp"] == LARGE


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_who_is_in_no_room_any_more_or_was_refused_is_told_so(fleet: Fleet, worker: Worker, dialect: str) -> None:
    room, large = await fleet.room(), {"targetUserId": "sfu", "sdp": LARGE}
    refused = await _connected(worker, dialect)
    with pytest.raises(CallRefused, match="bad_token"):
        await refused.call("JoinRoom", {"roomId": room, "token": fleet.token(await fleet.room(), new_uuid())})
    left = await _connected(worker, dialect)
    await left.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    await left.call("LeaveRoom")
    for client in (refused, left):
        with pytest.raises(CallRefused, match="not_joined"):
            await client.call("SendOffer", large)
        await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_token_that_is_not_ours_makes_no_room_for_large_messages(worker: Worker, dialect: str) -> None:
    client = await _connected(worker, dialect)
    with pytest.raises(CallRefused, match="bad_token"):
        await client.call("JoinRoom", {"roomId": new_uuid(), "token": "x"})
    await client.post("SendOffer", {"targetUserId": "sfu", "sdp": LARGE})
    assert await client.closed() in (1009, 1000)
    assert dialect == "plain" or "close" in client.frames[-1]  # which says why
