"""Meeting control by real sockets: on one worker and two, by both dialects."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tertulia.errors import RoomLocked
from tertulia.ids import RoomId, new_uuid
from tertulia.room import commands
from tests.integration.hub.harness import CallRefused, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr


class Hall(NamedTuple):
    """A room with a waiting room, its host on one worker, and another worker for those who come."""

    room: str
    host: PlainClient
    host_id: str
    door: Worker


@pytest.fixture(params=["one worker", "two workers"])
async def hall(request: pytest.FixtureRequest, fleet: Fleet, worker: Worker) -> Hall:
    host_id = new_uuid()
    room = await fleet.room(host_id, waiting_room=True)
    host, _ = await fleet.join(worker, room, host_id, role="host", name="Host")
    return Hall(room, host, host_id, worker if request.param == "one worker" else await fleet.worker())


async def knock(fleet: Fleet, hall: Hall, client: PlainClient, user: str) -> None:
    """JoinRoom, which waits."""
    await client.post("JoinRoom", {"roomId": hall.room, "token": fleet.token(hall.room, user)}, id="join")
    assert await client.event("Waiting") == {}
    waiting = await hall.host.event("ParticipantWaiting", userId=user)
    assert (waiting["displayName"], waiting["isGuest"]) == ("Ann", False)


async def is_refused(client: PlainClient, number: str = "join") -> str:
    """The code of the answer to a call that was made before."""
    with pytest.raises(CallRefused) as refused:
        await client.answer(number)
    return refused.value.code


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_who_was_admitted_is_in_and_comes_in_again(fleet: Fleet, hall: Hall, dialect: str) -> None:
    client = await (hall.door.connect() if dialect == "plain" else connect_signalr(hall.door))
    user = new_uuid()
    await knock(fleet, hall, client, user)
    assert (await fleet.hash(hall.room))["participantCount"] == "1"
    assert list(await fleet.members(hall.room)) == [hall.host_id]
    assert await hall.host.call("Admit", {"targetUserId": user}) == {}
    result = await client.answer("join")
    assert [member["userId"] for member in result["participants"]] == [hall.host_id]
    assert (await hall.host.event("ParticipantJoined"))["userId"] == user
    assert await hall.host.event("WaitingEnded") == {"userId": user}
    await client.call("LeaveRoom")
    again, _ = await fleet.join(hall.door, hall.room, user)
    assert again.result["userId"] == user


async def test_who_waits_finds_out_that_the_connection_lives(fleet: Fleet, hall: Hall) -> None:
    client, user = await hall.door.connect(), new_uuid()
    await knock(fleet, hall, client, user)
    assert await client.refused("KeepAlive") == "not_joined"
    await client.post("UpdateState", {"isMuted": True}, id="behind")
    await hall.host.call("Admit", {"targetUserId": user})
    assert (await client.answer("join"))["userId"] == user
    assert await client.answer("behind") == {}
    assert await client.call("KeepAlive") == {}


async def test_who_was_denied_is_refused_for_this_meeting(fleet: Fleet, hall: Hall) -> None:
    client, user = await hall.door.connect(), new_uuid()
    await knock(fleet, hall, client, user)
    assert await hall.host.call("Deny", {"targetUserId": user}) == {}
    assert await is_refused(client) == "entry_denied"
    await hall.host.event("WaitingEnded", userId=user)


async def test_who_gives_up_and_who_is_let_in_with_all(fleet: Fleet, hall: Hall) -> None:
    gone, left, stays = [await hall.door.connect() for _ in range(3)]
    ids = [new_uuid() for _ in range(3)]
    for client, user in zip((gone, left, stays), ids, strict=True):
        await knock(fleet, hall, client, user)
    await gone.cut()
    await left.close()
    for user in ids[:2]:
        await hall.host.event("WaitingEnded", userId=user)
    assert await hall.host.call("Admit") == {}
    assert (await stays.answer("join"))["userId"] == ids[2]


async def test_without_a_waiting_room_nobody_waits_any_more(fleet: Fleet, hall: Hall) -> None:
    client, user = await hall.door.connect(), new_uuid()
    await knock(fleet, hall, client, user)
    assert await hall.host.call("ChangeSettings", {"settings": {"waitingRoom": False}}) == {}
    assert (await client.answer("join"))["settings"]["waitingRoom"] is False
    assert (await hall.host.event("SettingsChanged"))["settings"]["waitingRoom"] is False
    assert (await fleet.directory.room(RoomId(hall.room))).settings.waiting_room is False


async def test_a_host_who_comes_later_sees_who_waits(fleet: Fleet, worker: Worker) -> None:
    host_id, user = new_uuid(), new_uuid()
    room = await fleet.room(host_id, waiting_room=True)
    client = await (await fleet.worker()).connect()
    await client.post("JoinRoom", {"roomId": room, "token": fleet.token(room, user)}, id="join")
    await client.event("Waiting")
    assert await fleet.hash(room) == {}, "who waits begins no meeting"
    host, _ = await fleet.join(worker, room, host_id, role="host")
    if not host.result.get("waiting"):  # else the other worker was quicker
        await host.event("ParticipantWaiting", userId=user)
    await host.call("Admit", {"targetUserId": user})
    await client.answer("join")


async def test_a_locked_meeting_lets_members_back_and_nobody_else_in(fleet: Fleet, worker: Worker) -> None:
    host_id = new_uuid()
    room = await fleet.room(host_id)
    host, _ = await fleet.join(worker, room, host_id, role="host")
    ann, ann_id = await fleet.join(worker, room)
    await host.call("ChangeSettings", {"settings": {"locked": True}})
    await ann.event("SettingsChanged")
    stranger = await worker.connect()
    payload = {"roomId": room, "token": fleet.token(room, new_uuid())}
    assert await stranger.refused("JoinRoom", payload) == RoomLocked.code
    await ann.cut()
    back, _ = await fleet.join(worker, room, ann_id)
    assert back.result["settings"]["locked"] is True
    await fleet.join(worker, room, role="host")
    await host.call("EndRoom")
    await host.closed()
    assert (await fleet.directory.room(RoomId(room))).settings.locked is False, "the lock ends with the meeting"


async def test_what_an_attendee_may_not_send_is_refused_and_blocked(fleet: Fleet, worker: Worker) -> None:
    node, host_id = await fleet.node(), new_uuid()
    room = await fleet.room(host_id, topology="sfu", mute_on_entry=True)
    host, _ = await fleet.join(worker, room, host_id, role="host")
    ann, ann_id = await fleet.join(await fleet.worker(), room)
    assert ann.result["isMuted"] is True
    await ann.call("UpdateState", {"isMuted": False, "isVideoOn": True})
    transport = (await ann.event("SfuEndpoint"))["transportId"]
    await host.call("ChangeSettings", {"settings": {"unmute": "host", "share": "host", "chat": "host"}})
    for client in (host, ann):
        await client.event("StateChanged", userId=ann_id, isMuted=True, isVideoOn=True)
    sources = ["microphone", "screen", "screen-audio"]
    await node.command(commands.Block, transport=transport, sources=sources)
    for call, payload in (("UpdateState", {"isMuted": False}), ("SendChat", {"text": "hello"})):
        assert await ann.refused(call, payload) == "forbidden"
    await host.call("SetPermissions", {"targetUserId": ann_id, "permissions": {"unmute": True, "video": False}})
    changed = await ann.event("ParticipantChanged")
    assert changed["permissions"] == {"unmute": True, "video": False}
    await host.event("StateChanged", userId=ann_id, isVideoOn=False)
    await node.command(commands.Block, transport=transport, sources=["camera", "screen", "screen-audio"])
    assert await ann.refused("UpdateState", {"isVideoOn": True}) == "forbidden"
    assert await ann.call("UpdateState", {"isMuted": False}) == {}
    await ann.call("LeaveRoom")
    back, _ = await fleet.join(worker, room, ann_id)
    assert back.result["permissions"] == {"unmute": True, "video": False}, "whoever comes back may do what they might"
    assert await back.refused("UpdateState", {"isVideoOn": True}) == "forbidden"
    await host.call("SetPermissions", {"targetUserId": ann_id, "permissions": {}})
    await back.event("ParticipantChanged", userId=ann_id)
    await back.call("LeaveRoom")
    again, _ = await fleet.join(worker, room, ann_id)
    assert not again.result.get("permissions")


async def test_a_co_host_is_made_and_unmade_for_the_meeting(fleet: Fleet, worker: Worker) -> None:
    host_id = new_uuid()
    room = await fleet.room(host_id)
    host, _ = await fleet.join(worker, room, host_id, role="host")
    ann, ann_id = await fleet.join(await fleet.worker(), room)
    await host.event("ParticipantJoined", userId=ann_id)
    await host.call("SetRole", {"targetUserId": ann_id, "role": "host"})
    await ann.event("ParticipantChanged", role="host")
    assert await ann.refused("SetRole", {"targetUserId": host_id, "role": "attendee"}) == "forbidden"
    assert await ann.call("MuteAll") == {}
    await ann.call("LeaveRoom")
    back, _ = await fleet.join(worker, room, ann_id)
    assert back.result["role"] == "host", "whoever comes back is what they were"
    await host.call("SetRole", {"targetUserId": ann_id, "role": "attendee"})
    await back.event("ParticipantChanged", role="attendee")
    assert await back.refused("MuteAll") == "forbidden"
    assert (await fleet.members(room))[ann_id]["role"] == "attendee"


async def test_a_hand_is_lowered_and_somebody_is_in_the_spotlight(fleet: Fleet, worker: Worker) -> None:
    host_id = new_uuid()
    room = await fleet.room(host_id)
    host, _ = await fleet.join(worker, room, host_id, role="host")
    ann, ann_id = await fleet.join(await fleet.worker(), room)
    await ann.call("RaiseHand", {"raised": True})
    await host.event("HandRaised", raised=True)
    await host.call("LowerHand", {"targetUserId": ann_id})
    for client in (host, ann):
        await client.event("HandRaised", userId=ann_id, raised=False)
    await host.call("Spotlight", {"targetUserId": ann_id, "on": True})
    await ann.event("ParticipantChanged", isSpotlit=True)
    late, _ = await fleet.join(worker, room)
    shown: dict[str, Any] = {member["userId"]: member["isSpotlit"] for member in late.result["participants"]}
    assert shown == {host_id: False, ann_id: True}
