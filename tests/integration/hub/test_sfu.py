"""The SFU as the hub addresses it: SfuEndpoint, commands to the node, events from it, nodes that come and go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tertulia.contract.settings import SettingsChange
from tertulia.errors import Unavailable
from tertulia.ids import NodeId, RoomId, SeatId, UserId, new_uuid, transport_id
from tertulia.room import commands
from tertulia.state import keys
from tests.integration.hub.harness import FakeNode, Fleet

SDP = "v=0\r\n"


@pytest.fixture
async def node(fleet: Fleet) -> FakeNode:
    return await fleet.node("n1")


@pytest.fixture
async def sfu_room(fleet: Fleet, node: FakeNode) -> str:
    return await fleet.room(topology="sfu")


async def _transport(fleet: Fleet, room: str, user: str, node: str = "n1") -> str:
    return transport_id(SeatId((await fleet.members(room))[user]["seat"]), NodeId(node))


async def test_the_endpoint_follows_the_result(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, user = await fleet.join(worker, sfu_room)
    endpoint = await ann.event("SfuEndpoint")
    assert endpoint == {"ip": "127.0.0.1", "port": 40000, "transportId": await _transport(fleet, sfu_room, user)}
    assert endpoint["transportId"].startswith("sfu_")
    assert "result" in ann.frames[0]
    assert ann.frames[1]["event"] == "SfuEndpoint"


async def test_a_p2p_room_has_none(fleet: Fleet, node: FakeNode) -> None:
    worker = await fleet.worker()
    ann, _ = await fleet.join(worker, await fleet.room())
    await ann.fence()
    assert ann.events == []
    assert await ann.refused("SetView", {"videos": []}) == "unknown_target"


async def test_a_changed_topology_holds_from_the_next_join(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, _ = await fleet.join(worker, sfu_room)
    await ann.event("SfuEndpoint")
    change = SettingsChange(topology="p2p")
    await fleet.directory.change_settings(fleet.tenant, RoomId(sfu_room), change)  # type: ignore[arg-type]
    bob, _ = await fleet.join(worker, sfu_room)
    assert await bob.refused("SendOffer", {"targetUserId": "sfu", "sdp": SDP}) == "unknown_target"
    assert await ann.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP}) == {}


async def test_offers_answers_and_candidates_go_to_the_node(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, user = await fleet.join(worker, sfu_room)
    transport = (await ann.event("SfuEndpoint"))["transportId"]
    await ann.call("SendOffer", {"targetUserId": transport, "sdp": SDP})
    offer = await node.command(commands.Offer)
    assert (offer.room, offer.transport, offer.user_id, offer.sdp) == (sfu_room, transport, user, SDP)
    assert (offer.slots, offer.tracks) == (False, {})
    assert offer.seat == (await fleet.members(sfu_room))[user]["seat"]
    slots = {"targetUserId": "sfu", "sdp": SDP + "a=2", "slots": True, "tracks": {"0": "microphone", "1": "screen"}}
    await ann.call("SendOffer", slots)
    offer = await node.command(commands.Offer, slots=True)
    assert (offer.transport, offer.tracks) == (transport, {"0": "microphone", "1": "screen"})
    await ann.call("SendAnswer", {"targetUserId": "sfu", "sdp": SDP})
    assert (await node.command(commands.Answer)).sdp == SDP
    for candidate in ("candidate:1", {"candidate": "candidate:2", "sdpMid": "0"}, "", None):
        await ann.call("SendIceCandidate", {"targetUserId": "sfu", "candidate": candidate})
        await node.command(commands.Candidate, candidate=candidate or "", transport=transport)
    view = {"videos": [{"userId": user.upper(), "source": "screen", "maxHeight": 720}]}
    await ann.call("SetView", view)
    [video] = (await node.command(commands.View)).videos
    assert (video.user_id, video.source, video.max_height) == (user, "screen", 720)


async def test_who_offers_to_a_node_that_has_died_is_told(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, _ = await fleet.join(worker, sfu_room)
    transport = (await ann.event("SfuEndpoint"))["transportId"]
    fleet.channels.unsubscribe(keys.sfu_commands(node.node.id))
    await ann.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP})
    error = await ann.event("SfuError")
    assert (error["transportId"], error["code"]) == (transport, "unreachable")


async def test_what_cannot_be_sdp_never_reaches_the_node(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, _ = await fleet.join(worker, sfu_room)
    for call in ("SendOffer", "SendAnswer"):
        assert await ann.refused(call, {"targetUserId": "sfu", "sdp": "hello"}) == "invalid_sdp"
    await ann.call("SendAnswer", {"targetUserId": "sfu", "sdp": SDP})
    await node.command(commands.Answer)
    assert len(node.commands) == 1


async def test_another_members_transport_is_not_ones_own(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, _ = await fleet.join(worker, sfu_room)
    bob, _ = await fleet.join(worker, sfu_room)
    others = (await bob.event("SfuEndpoint"))["transportId"]
    assert await ann.refused("SendOffer", {"targetUserId": others, "sdp": SDP}) == "unknown_target"


async def test_events_of_the_node_reach_the_seat_they_are_for(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker, second = await fleet.worker(), await fleet.worker()
    ann, ann_id = await fleet.join(worker, sfu_room)
    bob, _ = await fleet.join(second, sfu_room)
    transport = (await ann.event("SfuEndpoint"))["transportId"]
    seat = (await fleet.members(sfu_room))[ann_id]["seat"]
    answer = {"sourceUserId": transport, "sdp": SDP}
    node.tell(sfu_room, "ReceiveAnswer", {"sourceUserId": "sfu_old", "sdp": SDP}, to=ann_id, seat="another-seat")
    node.tell(sfu_room, "ReceiveAnswer", answer, to=ann_id, seat=seat)
    node.tell(sfu_room, "ActiveSpeakers", {"userIds": [ann_id]})
    for client in (ann, bob):
        assert await client.event("ActiveSpeakers") == {"userIds": [ann_id]}
    assert ann.named("ReceiveAnswer") == [answer]
    assert bob.named("ReceiveAnswer") == []


async def test_the_node_hears_of_state_and_leaves(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    ann, ann_id = await fleet.join(worker, sfu_room)
    bob, bob_id = await fleet.join(worker, sfu_room)
    transport = (await ann.event("SfuEndpoint"))["transportId"]
    await ann.call("UpdateState", {"isMuted": True})
    state = await node.command(commands.State)
    assert (state.transport, state.is_muted, state.is_video_on) == (transport, True, None)
    await ann.call("LeaveRoom")
    assert (await node.command(commands.Close)).transport == transport
    bobs = await _transport(fleet, sfu_room, bob_id)
    await worker.hub.remove_participant(RoomId(sfu_room), UserId(bob_id))
    await node.command(commands.Close, transport=bobs)
    await fleet.join(worker, sfu_room, ann_id)
    await worker.hub.end_room(RoomId(sfu_room), "host")
    assert (await node.command(commands.End)).room == sfu_room


async def test_the_node_hears_of_a_removal_by_a_worker_that_does_not_know_the_room_yet(
    fleet: Fleet, node: FakeNode, sfu_room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, second = await fleet.worker(), await fleet.worker()
    _, bob_id = await fleet.join(second, sfu_room)
    transport = await _transport(fleet, sfu_room, bob_id)
    under_way, gate = asyncio.Event(), asyncio.Event()
    join = worker.rooms.join

    async def slow(*args: Any, **more: Any) -> Any:
        under_way.set()
        await gate.wait()
        return await join(*args, **more)

    monkeypatch.setattr(worker.rooms, "join", slow)
    joining = asyncio.create_task(fleet.join(worker, sfu_room))
    await under_way.wait()
    assert await worker.hub.remove_participant(RoomId(sfu_room), UserId(bob_id))
    await node.command(commands.Close, transport=transport)
    gate.set()
    await joining


async def test_what_was_turned_off_before_an_offer_is_said_behind_it(
    fleet: Fleet, node: FakeNode, sfu_room: str
) -> None:
    """Also by a connection that took the seat over, and by one that returned to it."""
    worker = await fleet.worker()
    first, user = await fleet.join(worker, sfu_room, isMuted=True)
    await first.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP})
    state = await node.command(commands.State)
    assert (state.transport, state.is_muted, state.is_video_on) == (await _transport(fleet, sfu_room, user), True, None)
    await first.call("UpdateState", {"isVideoOn": False})
    node.commands.clear()
    await first.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP})
    await node.command(commands.State, is_muted=True, is_video_on=False)
    second, _ = await fleet.join(worker, sfu_room, user)
    await second.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP})
    transport = await _transport(fleet, sfu_room, user)
    await node.command(commands.State, transport=transport, is_muted=True, is_video_on=False)
    await second.cut()
    there = await fleet.worker()
    third, _ = await fleet.join(there, sfu_room, user, resumeToken=second.result["resumeToken"])
    node.commands.clear()
    await third.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP})
    await node.command(commands.State, transport=transport, is_muted=True, is_video_on=False)
    await third.call("UpdateState", {"isMuted": False, "isVideoOn": True})
    await node.command(commands.State, is_muted=False)
    node.commands.clear()
    await third.call("SendOffer", {"targetUserId": "sfu", "sdp": SDP + "a=last"})
    await third.call("SendAnswer", {"targetUserId": "sfu", "sdp": SDP})
    await node.command(commands.Answer)
    assert [type(c) for c in node.commands] == [commands.Offer, commands.Answer]


async def test_a_take_over_has_a_transport_of_its_own(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    first, user = await fleet.join(worker, sfu_room)
    old = (await first.event("SfuEndpoint"))["transportId"]
    second, _ = await fleet.join(worker, sfu_room, user)
    assert (await second.event("SfuEndpoint"))["transportId"] != old
    assert (await node.command(commands.Close)).transport == old


async def test_a_return_to_the_seat_keeps_the_transport(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker = await fleet.worker()
    first, user = await fleet.join(worker, sfu_room)
    endpoint = await first.event("SfuEndpoint")
    await first.cut()
    second, _ = await fleet.join(worker, sfu_room, user, resumeToken=first.result["resumeToken"])
    assert await second.event("SfuEndpoint") == endpoint
    await second.call("SendOffer", {"targetUserId": endpoint["transportId"], "sdp": SDP})
    await node.command(commands.Offer)
    assert [c for c in node.commands if isinstance(c, commands.Close)] == []


async def test_the_endpoint_comes_when_there_is_a_node(fleet: Fleet) -> None:
    worker = await fleet.worker()
    room = await fleet.room(topology="sfu")
    ann, user = await fleet.join(worker, room)
    assert await ann.refused("SendOffer", {"targetUserId": "sfu", "sdp": SDP}) == "unknown_target"
    assert ann.events == []
    await fleet.node("late")
    endpoint = await ann.event("SfuEndpoint")
    assert endpoint["transportId"] == await _transport(fleet, room, user, "late")
    assert (await fleet.hash(room))["sfuNode"] == "late"


async def test_a_room_whose_node_dies_moves_and_everyone_hears(fleet: Fleet, node: FakeNode, sfu_room: str) -> None:
    worker, second = await fleet.worker(), await fleet.worker()
    ann, ann_id = await fleet.join(worker, sfu_room)
    bob, bob_id = await fleet.join(second, sfu_room)
    old = (await ann.event("SfuEndpoint"))["transportId"]
    await fleet.node("n2")
    await fleet.kill_node("n1")
    for client, user in ((ann, ann_id), (bob, bob_id)):
        await client.event("SfuEndpoint", transportId=await _transport(fleet, sfu_room, user, "n2"))
    assert await ann.refused("SendOffer", {"targetUserId": old, "sdp": SDP}) == "unknown_target"
    assert (await fleet.hash(sfu_room))["sfuRegion"] == "us-east-1"


async def test_a_room_that_cannot_be_reached_does_not_keep_the_others_from_a_node(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await fleet.worker()
    rooms = [RoomId(await fleet.room(topology="sfu")) for _ in range(3)]
    clients = [(await fleet.join(worker, room))[0] for room in rooms]
    move = worker.rooms.move

    async def away(room: RoomId, from_node: NodeId | None, to_node: NodeId) -> bool:
        if room == rooms[0]:
            raise Unavailable("its shard is away")
        return await move(room, from_node, to_node)

    monkeypatch.setattr(worker.rooms, "move", away)
    await fleet.node("late")
    for client in clients[1:]:
        await client.event("SfuEndpoint")
    assert clients[0].named("SfuEndpoint") == []


async def _lose(fleet: Fleet, room: str) -> None:
    names = keys.room_keys(RoomId(room))
    await fleet.redis.call(names[0], b"DEL", *names)


async def test_a_lost_room_whose_state_another_hub_made_does_not_split(fleet: Fleet) -> None:
    """The joining hub has no members in it, and chooses a node; the members follow it there."""
    await fleet.node("n2")
    worker = await fleet.worker()
    room = await fleet.room(topology="sfu")
    ann, ann_id = await fleet.join(worker, room)
    await ann.event("SfuEndpoint", transportId=await _transport(fleet, room, ann_id, "n2"))
    await fleet.node("n1")
    second = await fleet.worker()
    await _lose(fleet, room)
    bob, bob_id = await fleet.join(second, room)
    await bob.event("SfuEndpoint", transportId=await _transport(fleet, room, bob_id, "n1"))
    await ann.call("KeepAlive")
    await ann.event("SfuEndpoint", transportId=await _transport(fleet, room, ann_id, "n1"))


async def test_the_region_asked_for_sticks(fleet: Fleet, node: FakeNode) -> None:
    await fleet.node("eu", region="eu-west-1")
    worker = await fleet.worker()
    room = await fleet.room(topology="sfu")
    first, second = new_uuid(), new_uuid()
    for user, region in ((first, "eu-west-1"), (second, "us-east-1")):
        client = await worker.connect()
        await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user, region=region)})
        endpoint = await client.event("SfuEndpoint")
        assert endpoint["transportId"] == await _transport(fleet, room, user, "eu")
    assert (await fleet.hash(room))["sfuRegion"] == "eu-west-1"
