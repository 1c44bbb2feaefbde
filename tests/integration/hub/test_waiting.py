"""Who waits to be admitted, or is about to join, while what they came by ends."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec import structs

from tertulia import times
from tertulia.db.admissions import Record
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room.quotas import Quotas
from tertulia.tokens import Admission, RoomClaims
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, PlainClient, Worker
from tests.integration.hub.test_quotas import counted, refusal, until_counted


async def knock(worker: Worker, room: str, token: str) -> PlainClient:
    """JoinRoom, which waits."""
    client = await worker.connect()
    await client.post("JoinRoom", {"roomId": room, "token": token}, id="join")
    await client.event("Waiting")
    return client


async def host_of(fleet: Fleet, worker: Worker, room: str, host: str, user: str) -> PlainClient:
    """The host, who sees somebody wait."""
    client, _ = await fleet.join(worker, room, host, role="host")
    if not client.result.get("waiting"):
        await client.event("ParticipantWaiting", userId=user)
    return client


async def refused(client: PlainClient) -> CallRefused:
    """How the JoinRoom that waited was refused."""
    with pytest.raises(CallRefused) as error:
        await client.answer("join")
    return error.value


async def test_a_guest_who_was_banned_while_waiting_is_not_let_in(fleet: Fleet, worker: Worker) -> None:
    host_id = new_uuid()
    room = await fleet.room(host_id, waiting_room=True)
    user, token = await fleet.guest(room)
    waiting = await knock(await fleet.worker(), room, token)
    await fleet.ban(user)
    host = await host_of(fleet, worker, room, host_id, user)
    await host.call("Admit", {"targetUserId": user})
    error = await refused(waiting)
    assert (error.code, error.reason) == ("bad_token", "removed")
    assert list(await fleet.members(room)) == [host_id]


async def test_who_came_by_an_api_key_that_was_revoked_while_they_waited_is_not_let_in(
    fleet: Fleet, worker: Worker
) -> None:
    host_id, user = new_uuid(), new_uuid()
    room, key = await fleet.room(host_id, waiting_room=True), await fleet.api_key()
    admission = Admission(int(time.time() * 1000), key_id=key.key.id)
    waiting = await knock(worker, room, fleet.token(room, user, admission=admission))
    await fleet.revoke(key)
    host = await host_of(fleet, worker, room, host_id, user)
    await host.call("Admit")
    assert (await refused(waiting)).code == "bad_token"
    assert list(await fleet.members(room)) == [host_id]


@pytest.mark.parametrize("is_on", [False, True])
async def test_a_guest_who_is_banned_waits_no_more(fleet: Fleet, worker: Worker, is_on: bool) -> None:
    host_id = new_uuid()
    room = await fleet.room(host_id, waiting_room=True)
    user, token = await fleet.guest(room)
    waiting = await knock(await fleet.worker(), room, token)
    host = await host_of(fleet, worker, room, host_id, user) if is_on else None
    await fleet.ban(user)
    await worker.hub.remove_participant(RoomId(room), user, ban=True)
    assert (await refused(waiting)).code == "entry_denied"
    if host is not None:
        await host.event("WaitingEnded", userId=user)


async def test_who_waits_for_a_room_that_is_deleted_is_told(fleet: Fleet) -> None:
    quick = await fleet.worker(structs.replace(SETTINGS, keep_alive=0.3))
    room = await fleet.room(waiting_room=True)
    waiting = await knock(quick, room, fleet.token(room, new_uuid()))
    await fleet.directory.delete_room(TenantId(fleet.tenant), RoomId(room), times.from_seconds(time.time()))
    assert (await refused(waiting)).code == "not_found"


async def test_who_has_to_wait_takes_nobody_a_seat_not_even_for_a_moment(fleet: Fleet, worker: Worker) -> None:
    await fleet.quotas(Quotas(people=1))
    room, other = await fleet.room(waiting_room=True), await fleet.room()
    ann, _ = await fleet.join(worker, other)
    await knock(worker, room, fleet.token(room, new_uuid()))
    assert await refusal(fleet, worker, other) == "quota_exceeded"
    await ann.call("LeaveRoom")
    await until_counted(fleet, 0)


async def test_who_waits_is_counted_nowhere_and_who_is_let_in_is(fleet: Fleet, worker: Worker) -> None:
    await fleet.quotas(Quotas(people=2))
    host_id, user = new_uuid(), new_uuid()
    room, other = await fleet.room(host_id, waiting_room=True), await fleet.room()
    waiting = await knock(worker, room, fleet.token(room, user))
    await until_counted(fleet, 0)
    host = await host_of(fleet, worker, room, host_id, user)
    await host.call("Admit")
    await waiting.answer("join")
    assert await counted(fleet) == 2
    assert await refusal(fleet, worker, other) == "quota_exceeded"


async def test_nobody_is_let_in_beyond_the_quota(fleet: Fleet, worker: Worker) -> None:
    await fleet.quotas(Quotas(people=2))
    host_id, user = new_uuid(), new_uuid()
    room, other = await fleet.room(host_id, waiting_room=True), await fleet.room()
    waiting = await knock(worker, room, fleet.token(room, user))
    await until_counted(fleet, 0)
    await fleet.join(worker, other)
    host = await host_of(fleet, worker, room, host_id, user)
    await host.call("Admit")
    assert (await refused(waiting)).code == "quota_exceeded"
    assert list(await fleet.members(room)) == [UserId(host_id)]


async def test_who_waits_while_messages_were_missed_waits_on_though_no_seat_is_left(
    fleet: Fleet, worker: Worker
) -> None:
    await fleet.quotas(Quotas(people=1))
    room, other = await fleet.room(waiting_room=True), await fleet.room()
    waiting = [await knock(worker, room, fleet.token(room, new_uuid())) for _ in range(2)]
    await until_counted(fleet, 0)
    await fleet.join(worker, other)
    await fleet.redis.call("x", "CLIENT", "KILL", "TYPE", "pubsub")
    for client in waiting:
        await client.frame(lambda _, client=client: len(client.named("Waiting")) == 2)


async def test_a_guest_who_is_banned_while_their_join_begins_the_meeting_is_not_in_it(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    user, token = await fleet.guest(room)
    read, has_read, goes_on = fleet.admissions.record, asyncio.Event(), asyncio.Event()

    async def record(room_id: RoomId, tenant: TenantId | None, claims: RoomClaims | None = None) -> Record:
        found = await read(room_id, tenant, claims)
        if claims is not None:
            has_read.set()
            await goes_on.wait()
        return found

    monkeypatch.setattr(fleet.admissions, "record", record)
    client = await worker.connect()
    await client.post("JoinRoom", {"roomId": room, "token": token}, id="join")
    await has_read.wait()
    await fleet.ban(user)
    await worker.hub.remove_participant(RoomId(room), user, ban=True)
    goes_on.set()
    error = await refused(client)
    assert (error.code, error.reason) == ("bad_token", "removed")
    assert await fleet.members(room) == {}
