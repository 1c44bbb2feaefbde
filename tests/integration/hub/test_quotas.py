"""What a tenant may have in its meetings."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from tertulia.hub import clock
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room import commands
from tertulia.room.quotas import Quotas
from tertulia.state import keys
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, Worker


async def counted(fleet: Fleet) -> int:
    key = keys.tenant_keys(TenantId(fleet.tenant)).seats
    return int(await fleet.redis.call(key, "ZCARD", key))


async def until(fleet: Fleet, count: int) -> None:
    async with asyncio.timeout(10):
        while await counted(fleet) != count:
            await asyncio.sleep(0.01)


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
    await until(fleet, 1)
    cyn, _ = await fleet.join(worker, other)
    assert await refusal(fleet, worker, room) == "quota_exceeded"
    await worker.hub.remove_participant(RoomId(room), UserId(bob))
    await until(fleet, 1)
    await worker.hub.end_room(RoomId(other), "ended")
    await until(fleet, 0)


async def test_who_is_in_a_meeting_stays_counted_and_who_did_not_get_in_does_not(fleet: Fleet) -> None:
    quick = await fleet.worker(structs.replace(SETTINGS, keep_alive=0.3))
    await fleet.quotas(Quotas(people=2))
    full, free = await fleet.room(max_participants=1), await fleet.room()
    ann, _ = await fleet.join(quick, full)
    assert await refusal(fleet, quick, full) == "room_full"
    assert await counted(fleet) == 2
    for _ in range(12):  # four times as long as a seat is counted
        await ann.call("KeepAlive")
        await asyncio.sleep(0.15)
    await fleet.join(quick, free)
    assert await refusal(fleet, quick, free) == "quota_exceeded"


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
