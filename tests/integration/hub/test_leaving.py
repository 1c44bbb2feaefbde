"""Leaving: by LeaveRoom, by closing, by silence, and what a lost connection keeps."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tertulia.ids import RoomId, UserId, new_uuid
from tests.integration.hub.harness import SETTINGS, Fleet, PlainClient, Worker

SHORT = replace(SETTINGS, keep_alive=1, blip=0.1)
"""A seat lives for 3 s without KeepAlive."""


@pytest.fixture(params=["one worker", "two workers"])
async def other(request: pytest.FixtureRequest, fleet: Fleet, worker: Worker) -> Worker:
    """The worker of the member who watches."""
    return worker if request.param == "one worker" else await fleet.worker()


async def test_leave_room_leaves_at_once_and_the_socket_may_join_again(
    fleet: Fleet, worker: Worker, other: Worker
) -> None:
    room, second = await fleet.room(), await fleet.room()
    ann, _ = await fleet.join(other, room)
    bob, user = await fleet.join(worker, room)
    assert await bob.call("LeaveRoom") == {}
    assert await ann.event("ParticipantLeft") == {"userId": user, "reason": "left"}
    assert user not in await fleet.members(room)
    assert (await fleet.hash(room))["participantCount"] == "1"
    for call in ("KeepAlive", "LeaveRoom", "UpdateState"):
        assert await bob.refused(call, {}) == "not_joined"
    await bob.call("JoinRoom", {"roomId": second, "token": fleet.token(second, user)})
    await bob.call("LeaveRoom")
    await bob.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    assert [p["userId"] for p in ann.named("ParticipantJoined")].count(user) >= 1


@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_a_clean_close_leaves_at_once(fleet: Fleet, worker: Worker, other: Worker, code: int | None) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(other, room)
    bob, user = await fleet.join(worker, room)
    if code is None:
        bob.socket.transport.write(b"\x88\x80\0\0\0\0")  # an empty close frame (RFC 6455, section 5.5.1)
    else:
        await bob.close(code)
    assert await ann.event("ParticipantLeft") == {"userId": user, "reason": "closed"}
    assert (await fleet.hash(room))["participantCount"] == "1"


@pytest.mark.parametrize("code", [1002, 1011, 3000, 4000, 4999, "cut"])
async def test_any_other_end_keeps_the_seat(fleet: Fleet, worker: Worker, code: int | str) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    if isinstance(code, int):
        await bob.close(code)
    else:
        await bob.cut()
    await ann.event("ConnectionLost", userId=user)  # so the hub has noticed
    assert user in await fleet.members(room)
    assert ann.named("ParticipantLeft") == []


async def _silent(fleet: Fleet, room: str, worker: Worker) -> tuple[PlainClient, str, asyncio.Task[None]]:
    """A member who keeps alive, to watch."""
    ann, user = await fleet.join(worker, room)

    async def keep() -> None:
        while True:
            await ann.post("KeepAlive")
            await asyncio.sleep(0.2)

    return ann, user, asyncio.create_task(keep())


async def test_a_lost_seat_times_out_after_three_intervals(fleet: Fleet) -> None:
    worker, second = await fleet.worker(SHORT), await fleet.worker(SHORT)
    room = await fleet.room()
    ann, _, keeping = await _silent(fleet, room, second)
    loop = asyncio.get_running_loop()
    began = loop.time()
    bob, user = await fleet.join(worker, room)
    await bob.cut()
    assert await ann.event("ParticipantLeft") == {"userId": user, "reason": "timeout"}
    assert loop.time() - began > SHORT.seat * 0.9
    assert (await fleet.hash(room))["participantCount"] == "1"
    keeping.cancel()


async def test_only_keep_alive_counts_and_the_socket_may_join_again(fleet: Fleet) -> None:
    worker = await fleet.worker(SHORT)
    room = await fleet.room()
    ann, _, keeping = await _silent(fleet, room, worker)
    bob, user = await fleet.join(worker, room)

    async def talk() -> None:
        while True:
            await bob.post("SendChat", {"text": "I am here"})
            await bob.post("UpdateState", {"isMuted": True})
            await asyncio.sleep(0.1)

    talking = asyncio.create_task(talk())
    await ann.event("ParticipantLeft", userId=user, reason="timeout")
    talking.cancel()
    for call in ("KeepAlive", "LeaveRoom", "SendChat"):
        assert await bob.refused(call, {"text": "x"}) == "not_joined"
    await bob.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    keeping.cancel()


async def test_keep_alive_keeps_the_seat(fleet: Fleet) -> None:
    worker = await fleet.worker(SHORT)
    room = await fleet.room()
    ann, user, keeping = await _silent(fleet, room, worker)
    bob, bob_id = await fleet.join(worker, room)
    await ann.event("ParticipantLeft", userId=bob_id, reason="timeout")  # bob was silent as long
    assert await ann.call("KeepAlive") == {}
    assert (await fleet.members(room)).keys() == {user}
    keeping.cancel()


async def test_keep_alive_and_join_refresh_the_ttl_and_nothing_else_does(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    names = [f"room:{{{room}}}", f"room:{{{room}}}:participants"]

    async def age() -> None:
        for name in names:
            await fleet.redis.call(name, b"EXPIRE", name, "30")

    async def ttls() -> set[bool]:
        return {await fleet.redis.call(name, b"TTL", name) > 60 for name in names}

    await age()
    for call, payload in (
        ("UpdateState", {"isMuted": True}),
        ("RaiseHand", {"raised": True}),
        ("SetDisplayName", {"displayName": "Another"}),
        ("SendChat", {"text": "x"}),
        ("NoSuchCall", None),
    ):
        await ann.post(call, payload)
    await ann.fence()
    bob, _ = await fleet.join(worker, await fleet.room())
    await bob.call("LeaveRoom")
    assert await ttls() == {False}
    await ann.call("KeepAlive")
    assert await ttls() == {True}
    await age()
    await fleet.join(worker, room)
    assert await ttls() == {True}


async def test_a_leave_of_a_replaced_connection_changes_nothing(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    (client,) = worker.hub.clients
    await fleet.join(second, room, user)
    assert await fleet.state.leave(RoomId(room), UserId(user), client.id, "left") is None
    assert await ann.closed() == 4001
    assert user in await fleet.members(room)


async def test_who_left_is_not_told_of_the_room_any_more(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, _ = await fleet.join(worker, room)
    await ann.call("LeaveRoom")
    await bob.call("SendChat", {"text": "is she gone?"})
    await ann.fence()
    assert ann.named("ChatMessage") == []


async def test_a_blip_shows_nothing_and_a_longer_loss_does(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, blip=2))
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    await bob.cut()
    bob, _ = await fleet.join(worker, room, user, resumeToken=bob.result["resumeToken"])
    await bob.cut()
    assert await ann.event("ConnectionLost") == {"userId": user}
    await fleet.join(worker, room, user, resumeToken=bob.result["resumeToken"])
    assert await ann.event("ConnectionBack") == {"userId": user}
    assert [name for name, _ in ann.events] == ["ParticipantJoined", "ConnectionLost", "ConnectionBack"]


async def test_a_close_while_join_is_under_way(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await worker.connect(), new_uuid()
    await bob.post("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    await bob.close()
    await ann.event("ParticipantLeft", userId=user, reason="closed")
    assert user not in await fleet.members(room)
