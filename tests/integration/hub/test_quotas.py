"""What a tenant may have in its meetings."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec import structs

from tertulia.hub import clock
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room import commands
from tertulia.room.quotas import Quotas
from tertulia.state import keys
from tertulia.state.clock import redis_ms
from tertulia.tokens import Admission
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, Worker
from tests.waiting import until_answered


async def counted(fleet: Fleet) -> int:
    key = keys.tenant_keys(TenantId(fleet.tenant)).seats
    return int(await fleet.redis.call(key, "ZCOUNT", key, f"({await redis_ms(fleet.redis, key)}", "+inf"))


async def until_counted(fleet: Fleet, count: int) -> None:
    async def are_counted() -> bool:
        return await counted(fleet) == count

    await until_answered(are_counted)


async def run_out(fleet: Fleet) -> None:
    """The time for which each seat is counted is over."""
    key = keys.tenant_keys(TenantId(fleet.tenant)).seats
    for seat in await fleet.redis.call(key, "ZRANGE", key, "0", "-1"):
        await fleet.redis.call(key, "ZADD", key, "XX", "0", seat)


async def refusal(fleet: Fleet, worker: Worker, room: str, user: str | None = None) -> str:
    client = await worker.connect()
    return await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, user or new_uuid())})


async def test_people_of_a_tenant_over_all_rooms_and_workers(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    await fleet.quotas(Quotas(people=5))
    rooms = [await fleet.room() for _ in range(3)]

    async def attempt(i: int) -> bool:
        try:
            await fleet.join((worker, second)[i % 2], rooms[i % 3])
        except CallRefused as e:
            assert e.code == "quota_exceeded"
            return False
        return True

    assert sum(await asyncio.gather(*map(attempt, range(12)))) == 5
    assert sum([len(await fleet.members(room)) for room in rooms]) == 5
    assert await counted(fleet) == 5


async def test_who_leaves_or_is_removed_makes_room_and_a_member_may_come_back(fleet: Fleet, worker: Worker) -> None:
    await fleet.quotas(Quotas(people=2))
    room, other = await fleet.room(), await fleet.room()
    ann, _ = await fleet.join(worker, room)
    _, bob = await fleet.join(worker, room)
    assert await refusal(fleet, worker, other) == "quota_exceeded"
    await fleet.join(worker, room, bob)
    await ann.call("LeaveRoom")
    await until_counted(fleet, 1)
    cyn, _ = await fleet.join(worker, other)
    assert await refusal(fleet, worker, room) == "quota_exceeded"
    await worker.hub.remove_participant(RoomId(room), UserId(bob))
    await until_counted(fleet, 1)
    await worker.hub.end_room(RoomId(other), "ended")
    await until_counted(fleet, 0)


async def test_who_is_in_a_meeting_stays_counted_and_who_did_not_get_in_does_not(fleet: Fleet) -> None:
    quick = await fleet.worker(structs.replace(SETTINGS, keep_alive=2))
    await fleet.quotas(Quotas(people=2))
    full, free = await fleet.room(max_participants=1), await fleet.room()
    await fleet.join(quick, full)
    assert await refusal(fleet, quick, full) == "room_full"
    await until_counted(fleet, 1)
    await run_out(fleet)
    await until_counted(fleet, 1)
    await fleet.join(quick, free)
    assert await refusal(fleet, quick, free) == "quota_exceeded"


async def test_who_was_removed_is_not_counted_when_they_try_to_come_back(fleet: Fleet, worker: Worker) -> None:
    await fleet.quotas(Quotas(people=2))
    room, bob = await fleet.room(), new_uuid()
    await fleet.join(worker, room)
    token = fleet.token(room, bob, admission=Admission(int(time.time() * 1000)))
    await (await worker.connect()).call("JoinRoom", {"roomId": room, "token": token})
    await worker.hub.remove_participant(RoomId(room), UserId(bob))
    await until_counted(fleet, 1)
    again = await worker.connect()
    assert await again.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"
    await until_counted(fleet, 1)


async def test_people_in_one_room(fleet: Fleet, worker: Worker) -> None:
    await fleet.quotas(Quotas(room_people=2))
    host = new_uuid()
    room, small = await fleet.room(host), await fleet.room(max_participants=1)
    _, ann = await fleet.join(worker, room)
    await fleet.join(worker, room)
    assert await refusal(fleet, worker, room) == "quota_exceeded"
    await fleet.join(worker, room, ann)
    await fleet.join(worker, room, host, role="host")
    await fleet.join(worker, small)
    assert await refusal(fleet, worker, small) == "room_full"
    await fleet.quotas(Quotas())
    await fleet.join(worker, room)


async def test_the_node_is_told_what_may_come_into_a_room(fleet: Fleet) -> None:
    node = await fleet.node()
    worker = await fleet.worker()
    await fleet.quotas(Quotas(room_mbits=3))
    room = await fleet.room(topology="sfu")
    ann, _ = await fleet.join(worker, room)
    await ann.call("SendOffer", {"targetUserId": "sfu", "sdp": "v=0\r\n"})
    assert (await node.command(commands.Limit)).mbits == 3


async def test_changed_quotas_reach_meetings_that_are_on(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "QUOTAS_EVERY", 0.05)
    node = await fleet.node()
    worker = await fleet.worker()
    room = await fleet.room(topology="sfu")
    await fleet.join(worker, room)
    await fleet.quotas(Quotas(mbits=9, people=9))
    await node.command(commands.Limit, tenant_mbits=9)
    await fleet.quotas(Quotas())
    await node.command(commands.Limit, tenant=None)
