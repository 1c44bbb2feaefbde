"""Redis comes back empty, or is away; messages are lost; the hubs know who is here."""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.errors import Unavailable
from tertulia.hub import hearing
from tertulia.hub.live import LiveRoom
from tertulia.ids import RoomId, SessionId, new_uuid
from tertulia.room.messages import ReadMessage
from tertulia.state import keys
from tests.integration import servers
from tests.integration.hub import harness
from tests.integration.hub.harness import SETTINGS, Fleet, Worker


async def test_keep_alive_puts_a_lost_state_back(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room, isMuted=True)
    bob, bob_id = await fleet.join(second, room, isVideoOn=True)
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


@pytest.mark.parametrize("call", ["UpdateState", "RaiseHand"])
async def test_other_calls_put_it_back_too(fleet: Fleet, worker: Worker, call: str) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    servers.flush(fleet.redis_url)
    assert await ann.call(call, {"isMuted": True, "raised": True}) == {}
    member = (await fleet.members(room))[user]
    assert member["isMuted"] or member["handRaised"]


async def test_everyone_who_finds_the_state_lost_at_once_is_answered(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    clients = [(await fleet.join(worker, room))[0] for _ in range(3)]
    waiting, gate = asyncio.Semaphore(0), asyncio.Event()
    restore, is_open = worker.hub._restoring.restore, fleet.directory.is_open

    async def counted(live: LiveRoom, incarnation: str) -> None:
        waiting.release()
        await restore(live, incarnation)

    async def slow(session: SessionId) -> bool:
        await gate.wait()
        return await is_open(session)

    monkeypatch.setattr(worker.hub._restoring, "restore", counted)
    monkeypatch.setattr(fleet.directory, "is_open", slow)
    servers.flush(fleet.redis_url)
    calls = [asyncio.create_task(client.call("KeepAlive")) for client in clients]
    for _ in clients:
        await waiting.acquire()
    gate.set()
    assert await asyncio.gather(*calls) == [{}] * 3
    assert (await fleet.hash(room))["participantCount"] == "3"


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


async def test_those_whom_their_hub_has_not_written_again_yet_are_not_shown_leaving(
    fleet: Fleet, worker: Worker
) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, _ = await fleet.join(second, room)
    await ann.event("ParticipantJoined")
    live = worker.hub._live_rooms.get(RoomId(room))
    assert live is not None
    servers.flush(fleet.redis_url)
    await ann.call("KeepAlive")
    worker.hub._restoring.lost(live)  # the subscription is back later than the calls
    while live.id in worker.hub._restoring._reading:
        await asyncio.sleep(0.01)
    await bob.call("KeepAlive")
    await bob.call("SendChat", {"text": "here all the time"})
    await ann.event("ChatMessage")
    assert [name for name, _ in ann.events] == ["ParticipantJoined", "ChatMessage"]


async def test_who_was_written_again_may_leave_and_join_on_the_same_socket(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    bob, _ = await fleet.join(worker, room)
    live = worker.hub._live_rooms.get(RoomId(room))
    assert live is not None
    servers.flush(fleet.redis_url)
    live.hearing.begin_reading("none")  # the channel is slower than the answer
    await ann.call("KeepAlive")
    await fleet.state.read(RoomId(room), "behind it")
    while not any(isinstance(m, ReadMessage) for m in live.hearing._backlog):
        await asyncio.sleep(0)
    live.hearing.end_reading()
    await ann.call("LeaveRoom")
    await bob.event("ParticipantLeft")
    live.hearing.begin_reading("none")
    await ann.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    assert await ann.call("SendChat", {"text": "here again"}) == {}
    live.hearing.end_reading()


async def test_a_join_that_fails_does_not_spoil_the_next(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL is away when a state that was lost is made again: the seat is given up, which the others see."""
    room, user = await fleet.room(), new_uuid()
    ann, _ = await fleet.join(worker, room)
    leave = worker.hub._joining._rooms.leave

    async def away(*args: Any) -> Any:
        await ann.event("ParticipantJoined", userId=user)
        raise Unavailable("SQL is away")

    async def seen(*args: Any) -> Any:
        left = await leave(*args)
        await ann.event("ParticipantLeft", userId=user)
        return left

    await fleet.redis.call(keys.room(RoomId(room)), b"DEL", *keys.room_keys(RoomId(room)))
    bob, payload = await worker.connect(), {"roomId": room, "token": fleet.token(room, user)}
    with monkeypatch.context() as patch:
        patch.setattr(fleet.directory, "open_session", away)
        patch.setattr(worker.hub._joining._rooms, "leave", seen)
        assert await bob.refused("JoinRoom", payload) == "internal"
    await bob.call("JoinRoom", payload)
    assert await bob.call("KeepAlive") == {}


async def test_a_session_that_ended_is_not_put_back(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    live = worker.hub._live_rooms.get(RoomId(room))
    assert live is not None
    servers.flush(fleet.redis_url)
    assert live.session_id is not None
    record = await fleet.directory.room(RoomId(room))
    await fleet.directory.close_session(live.session_id, record.created_at)
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
    dying.hub._live_rooms.close()
    servers.flush(fleet.redis_url)
    await ann.call("KeepAlive")
    keeping = asyncio.create_task(_keep(ann))
    assert await ann.event("ParticipantLeft") == {"userId": bob_id, "reason": "timeout"}
    keeping.cancel()


async def test_nobody_is_doubted_whose_hub_was_the_first_to_write_again(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, _ = await fleet.join(second, room)
    await ann.event("ParticipantJoined")
    servers.flush(fleet.redis_url)
    await ann.call("KeepAlive")
    await ann.call("SendChat", {"text": "behind it on the channel"})
    await bob.event("ChatMessage")
    await bob.call("KeepAlive")
    live = second.hub._live_rooms.get(RoomId(room))
    assert live is not None
    assert live.mirror is not None
    while live.id in second.hub._restoring._reading:
        await asyncio.sleep(0.01)
    assert live.mirror.doubt(now=math.inf) == []
    assert bob.named("ParticipantLeft") == []


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
    assert await ann.refused("KeepAlive") == "internal"
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


async def test_a_hub_that_missed_messages_tells_the_difference(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(second, room)
    await ann.event("ParticipantJoined")
    live = worker.hub._live_rooms.get(RoomId(room))
    assert live is not None
    live.hearing.begin_reading("none")  # deaf, as while the subscription is broken
    eve, eve_id = await fleet.join(second, room)
    await eve.call("UpdateState", {"isMuted": True})
    await bob.call("LeaveRoom")
    await bob.fence()
    live.hearing._backlog.clear()
    worker.hub._restoring.lost(live)
    assert (await ann.event("ParticipantJoined", userId=eve_id))["isMuted"] is True
    await ann.event("ParticipantLeft", userId=bob_id)


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


async def test_a_take_over_while_the_room_is_read_again(fleet: Fleet, worker: Worker) -> None:
    """What was said before the room was read is old, however late it is heard."""
    second = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    user = new_uuid()
    live = worker.hub._live_rooms.get(RoomId(room))
    assert live is not None
    live.hearing.begin_reading("none")  # messages wait
    first, _ = await fleet.join(second, room, user)
    last, _ = await fleet.join(worker, room, user)
    assert await first.closed() == 4001
    worker.hub._restoring.lost(live)
    await ann.event("ParticipantJoined", userId=user)
    await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0"})
    await last.event("ReceiveOffer")
    await last.call("KeepAlive")
    assert last.named("Replaced") == []
    assert len(ann.named("ParticipantJoined")) == 1


async def test_too_many_messages_while_the_room_is_read(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MAX_BACKLOG", 3)
    second = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    live = worker.hub._live_rooms.get(RoomId(room))
    assert live is not None
    live.hearing.begin_reading("none")
    worker.hub._restoring._reading.add(live.id)  # as if the reading had begun and were slow
    joined = [await fleet.join(second, room) for _ in range(6)]
    await joined[0][0].call("LeaveRoom")
    await second.hub._live_rooms.get(RoomId(room)).subscribed  # type: ignore[union-attr, misc]
    await ann.fence()
    assert live.id in worker.hub._restoring._again
    worker.hub._restoring._reading.discard(live.id)
    worker.hub._restoring.lost(live)
    for _, user in joined[1:]:
        await ann.event("ParticipantJoined", userId=user)
