"""The life of sessions: who opens them, who closes them, also when every process died."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.db.models import Room, Session
from tertulia.errors import Unavailable
from tertulia.ids import RoomId, new_uuid
from tertulia.room.answers import RoomSummary
from tertulia.state import keys
from tests.integration import servers
from tests.integration.hub.harness import SETTINGS, Fleet
from tests.waiting import until_answered

QUICK = replace(SETTINGS, empty_room=0.3, reap=0.2, keep_alive=0.4)


async def _status(fleet: Fleet, room: str, status: str) -> Room:
    """Wait until the room has that status; SQL has nothing to await."""

    async def found() -> Room | None:
        record = await fleet.directory.room(RoomId(room))
        return record if record.status == status else None

    return await until_answered(found)


async def _sessions(fleet: Fleet, room: str) -> list[Session]:
    return await fleet.directory.sessions(RoomId(room))


async def test_an_empty_room_is_completed_after_the_timeout(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(QUICK, empty_room=1.5, reap=60))
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    await ann.call("LeaveRoom")
    assert (await fleet.directory.room(RoomId(room))).status == "ACTIVE"
    await _status(fleet, room, "COMPLETED")
    [session] = await _sessions(fleet, room)
    assert session.end_time is not None
    assert await fleet.redis.call("x", b"EXISTS", *keys.room_keys(RoomId(room))) == 0


async def test_who_comes_back_in_time_goes_on_in_the_same_session(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(QUICK, empty_room=2, keep_alive=10))
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    await ann.call("LeaveRoom")
    await ann.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    other = await fleet.room()
    bob, _ = await fleet.join(worker, other)
    await bob.call("LeaveRoom")
    await _status(fleet, other, "COMPLETED")  # the time has passed for the first room too
    [session] = await _sessions(fleet, room)
    assert session.end_time is None
    assert await ann.call("KeepAlive") == {}


async def test_a_completed_room_can_be_joined_again(fleet: Fleet) -> None:
    worker = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room, role="host")
    await ann.call("EndRoom")
    assert (await _status(fleet, room, "COMPLETED")).session_id is None
    await fleet.join(worker, room)
    record = await fleet.directory.room(RoomId(room))
    assert record.status == "ACTIVE"
    new, old = await _sessions(fleet, room)
    assert (new.id, new.end_time) == (record.session_id, None)
    assert old.end_time is not None


async def test_the_reaper_closes_what_dead_processes_left_empty(fleet: Fleet) -> None:
    dying = await fleet.worker(replace(QUICK, empty_room=0.2, reap=60))
    room = await fleet.room()
    ann, _ = await fleet.join(dying, room)
    await ann.call("LeaveRoom")
    await dying.hub.stop()  # nobody waits for the empty room any more
    await fleet.worker(replace(QUICK, empty_room=0.2))
    await _status(fleet, room, "COMPLETED")


async def test_a_room_that_cannot_be_reached_does_not_keep_the_reaper_from_the_others(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = await fleet.worker(replace(QUICK, empty_room=60, reap=60))
    for _ in range(3):
        ann, _ = await fleet.join(dying, await fleet.room())
        await ann.call("LeaveRoom")
    await dying.hub.stop()
    first, *others = [session.room_id for session in await fleet.directory.open_sessions()]
    worker = await fleet.worker(replace(QUICK, empty_room=0, reap=0.5))
    summary = worker.rooms.summary

    async def away(room: RoomId) -> RoomSummary | None:
        if room == first:
            raise Unavailable("its shard is away")
        return await summary(room)

    monkeypatch.setattr(worker.rooms, "summary", away)
    for room in others:
        await _status(fleet, room, "COMPLETED")
    assert (await fleet.directory.room(first)).status == "ACTIVE"


async def test_the_reaper_closes_sessions_whose_state_expired(fleet: Fleet) -> None:
    dying = await fleet.worker(replace(QUICK, reap=60))
    room = await fleet.room()
    await fleet.join(dying, room)
    await dying.die()
    servers.flush(fleet.redis_url)
    await fleet.worker(QUICK)
    await _status(fleet, room, "COMPLETED")
    [session] = await _sessions(fleet, room)
    assert session.end_time is not None


async def test_the_reaper_leaves_the_living_alone(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(QUICK, keep_alive=20))
    room, dead = await fleet.room(), await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, _ = await fleet.join(worker, dead)
    await bob.call("LeaveRoom")
    await _status(fleet, dead, "COMPLETED")
    await ann.call("KeepAlive")
    assert (await fleet.directory.room(RoomId(room))).status == "ACTIVE"


async def test_end_room_from_the_control_plane(fleet: Fleet) -> None:
    worker, second = await fleet.worker(), await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    assert await second.hub.end_room(RoomId(room), "deleted") is True
    assert await ann.event("RoomEnded") == {"reason": "deleted"}
    assert await ann.closed() == 4000
    assert (await fleet.directory.room(RoomId(room))).status == "COMPLETED"
    assert await second.hub.end_room(RoomId(room), "deleted") is False


async def test_joins_that_cross_with_the_end(fleet: Fleet) -> None:
    """However they interleave: who has an answer is in a session that is open, or was told that it ended."""
    worker, second = await fleet.worker(), await fleet.worker()
    room = await fleet.room()
    await fleet.join(worker, room)

    async def join(i: int) -> Any:
        client, _ = await fleet.join((worker, second)[i % 2], room, new_uuid())
        return client

    joining = [asyncio.create_task(join(i)) for i in range(10)]
    for _ in range(3):
        await second.hub.end_room(RoomId(room), "host")
    clients = await asyncio.gather(*joining)
    members = await fleet.members(room)
    for client in clients:
        if client.result["userId"] in members:
            assert await client.call("KeepAlive") == {}
        else:
            assert await client.closed() == 4000
    record = await fleet.directory.room(RoomId(room))
    if members:
        assert record.session_id == (await fleet.hash(room))["sessionId"]
    assert record.status == ("ACTIVE" if members else "COMPLETED")
    assert sum(s.end_time is None for s in await _sessions(fleet, room)) == (1 if members else 0)
