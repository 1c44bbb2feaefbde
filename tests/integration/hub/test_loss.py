"""Redis comes back empty, or is away; messages are lost; the hubs know who is here."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.errors import Unavailable
from tertulia.ids import RoomId, SessionId, new_uuid
from tertulia.state import keys
from tests.integration import servers
from tests.integration.hub import harness
from tests.integration.hub.harness import SETTINGS, Fleet, Worker


async def test_keep_alive_puts_a_lost_state_back(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room, isMuted=True)
    bob, bob_id = await fleet.join(second, room, isVideoOn=True)
    await ann.event("ParticipantJoined", userId=bob_id)
    before = await fleet.members(room)
    session = (await fleet.hash(room))["sessionId"]
    servers.flush(fleet.redis_url)
    assert await ann.call("KeepAlive") == {}
    assert await bob.call("KeepAlive") == {}
    assert await fleet.members(room) == before
    state = await fleet.hash(room)
    assert (state["sessionId"], state["participantCount"]) == (session, "2")
    await ann.call("SendChat", {"text": "end"})
    await bob.event("ChatMessage")
    assert [name for name, _ in ann.events] == ["ParticipantJoined", "ChatMessage"]
    assert [name for name, _ in bob.events] == ["ChatMessage"]


@pytest.mark.parametrize("call", ["UpdateState", "RaiseHand", "SetDisplayName"])
async def test_other_calls_put_it_back_too(fleet: Fleet, worker: Worker, call: str) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    servers.flush(fleet.redis_url)
    assert await ann.call(call, {"isMuted": True, "raised": True, "displayName": "Another"}) == {}
    member = (await fleet.members(room))[user]
    assert member["isMuted"] or member["handRaised"] or member["displayName"] == "Another"


async def test_somebody_new_meets_those_who_were_lost(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    session = (await fleet.hash(room))["sessionId"]
    servers.flush(fleet.redis_url)
    bob, bob_id = await fleet.join(second, room)
    assert (await fleet.hash(room))["sessionId"] == session
    await ann.call("KeepAlive")
    await bob.event("ParticipantJoined", userId=ann_id)
    await ann.event("ParticipantJoined", userId=bob_id)
    assert (await fleet.members(room)).keys() == {ann_id, bob_id}
    assert len(await fleet.directory.sessions(RoomId(room))) == 1


async def test_a_join_that_fails_does_not_spoil_the_next(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL is away when a state that was lost is made again: the seat is given up, which the others see."""
    room, user = await fleet.room(), new_uuid()
    ann, _ = await fleet.join(worker, room)

    async def away(*args: Any) -> Any:
        await ann.event("ParticipantJoined", userId=user)
        raise Unavailable("SQL is away")

    await fleet.redis.call(keys.room(RoomId(room)), b"DEL", *keys.room_keys(RoomId(room)))
    bob, payload = await worker.connect(), {"roomId": room, "token": fleet.token(room, user)}
    with monkeypatch.context() as patch:
        patch.setattr(fleet.directory, "open_session", away)
        assert await bob.refused("JoinRoom", payload) == "internal"
    await ann.event("ParticipantLeft", userId=user)
    await bob.call("JoinRoom", payload)
    assert await bob.call("KeepAlive") == {}


async def test_a_session_that_ended_is_not_put_back(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    session = SessionId((await fleet.hash(room))["sessionId"])
    servers.flush(fleet.redis_url)
    record = await fleet.directory.room(RoomId(room))
    await fleet.directory.close_session(session, record.created_at)
    assert await ann.refused("KeepAlive") == "not_joined"
    assert await ann.event("RoomEnded") == {"reason": "ended"}
    assert await ann.closed() == 4000
    assert await fleet.hash(room) == {}


async def test_members_whose_hub_died_with_the_state_time_out(fleet: Fleet) -> None:
    short = replace(SETTINGS, keep_alive=1)
    dying, living = await fleet.worker(short), await fleet.worker(short)
    room = await fleet.room()
    ann, _ = await fleet.join(living, room)
    _, bob_id = await fleet.join(dying, room)
    await ann.event("ParticipantJoined")
    await dying.die()
    servers.flush(fleet.redis_url)
    await ann.call("KeepAlive")
    keeping = asyncio.create_task(_keep(ann))
    assert await ann.event("ParticipantLeft") == {"userId": bob_id, "reason": "timeout"}
    keeping.cancel()


async def _keep(client: harness.PlainClient) -> None:
    while True:
        await client.post("KeepAlive")
        await asyncio.sleep(0.1)


@pytest.fixture
async def frail(empty_database: Path, tmp_path: Path) -> AsyncIterator[tuple[Fleet, servers.Server, int]]:
    """A fleet on a Redis of its own, to be killed: with the server and its port."""
    port = servers.free_port()
    with servers.embedded_valkey(tmp_path, port) as (server, url):
        database = shutil.copy(empty_database, tmp_path / "test.db")
        async with harness.fleet(url, f"sqlite+aiosqlite:///{database}") as made:
            yield made, server, port


async def test_redis_restarts_empty_and_the_meeting_goes_on(
    frail: tuple[Fleet, servers.Server, int], tmp_path: Path
) -> None:
    fleet, server, port = frail
    worker, second = await fleet.worker(), await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(second, room)
    await ann.event("ParticipantJoined")
    server.kill()
    assert await ann.call("SendIceCandidate", {"targetUserId": bob_id, "candidate": "lost"}) == {}
    assert await ann.call("KeepAlive") == {}, "who is here is known here"
    assert await ann.refused("RaiseHand", {"raised": True}) == "internal"
    with servers.embedded_valkey(tmp_path, port):
        async with asyncio.timeout(15):  # the hubs write their members again as soon as they can, without any call
            while (await fleet.members(room)).keys() != {ann_id, bob_id}:
                await asyncio.sleep(0.05)
        assert await ann.call("KeepAlive") == {}
        await ann.call("SendChat", {"text": "still here?"})
        await bob.event("ChatMessage")
        assert [name for name, _ in ann.events] == ["ParticipantJoined", "ChatMessage"]
        for client in (ann, bob):
            await client.close()


async def test_join_while_redis_is_away_is_internal_and_changes_nothing(
    frail: tuple[Fleet, servers.Server, int], tmp_path: Path
) -> None:
    fleet, server, port = frail
    worker = await fleet.worker()
    room = await fleet.room()
    client = await worker.connect()
    payload = {"roomId": room, "token": fleet.token(room, new_uuid())}
    server.kill()
    assert await client.refused("JoinRoom", payload) == "internal"
    assert (await fleet.directory.room(RoomId(room))).status == "SCHEDULED"
    with servers.embedded_valkey(tmp_path, port):
        async with asyncio.timeout(15):
            while True:
                try:
                    await client.call("JoinRoom", payload)
                    break
                except harness.CallRefused as e:
                    assert e.code == "internal"
        assert (await fleet.hash(room))["participantCount"] == "1"
        await client.close()


async def test_a_room_whose_state_was_lost_can_be_ended(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    host, _ = await fleet.join(worker, room, role="host")
    bob, _ = await fleet.join(second, room)
    servers.flush(fleet.redis_url)
    assert await host.call("EndRoom") == {}
    for client in (host, bob):
        assert await client.event("RoomEnded") == {"reason": "host"}
        assert await client.closed() == 4000
    assert (await fleet.directory.room(RoomId(room))).status == "COMPLETED"


async def test_the_control_plane_ends_what_was_lost(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    bob, _ = await fleet.join(second, room)
    servers.flush(fleet.redis_url)
    assert await worker.hub.end_room(RoomId(room), "ended") is False
    assert (await fleet.directory.room(RoomId(room))).status == "COMPLETED"
    assert await bob.refused("KeepAlive") == "not_joined"
    assert await bob.closed() == 4000


async def test_who_leaves_a_room_that_was_lost_is_seen_leaving(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(second, room)
    await ann.event("ParticipantJoined")
    servers.flush(fleet.redis_url)
    await bob.call("LeaveRoom")
    assert await ann.event("ParticipantLeft") == {"userId": bob_id, "reason": "left"}
    await ann.call("KeepAlive")
    assert (await fleet.members(room)).keys() == {ann_id}
