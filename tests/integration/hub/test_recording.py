"""Recording as clients see it, in both dialects, and what the SFU node is told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.contract.settings import SettingsChange
from tertulia.errors import AlreadyRecording, Forbidden, NoSession, Unavailable
from tertulia.ids import NodeId, RecordingId, RoomId, SeatId, SessionId, UserId, new_uuid, transport_id
from tertulia.room import commands
from tertulia.room.answers import Begun
from tests.integration.hub.harness import SETTINGS, FakeNode, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr

SDP = "v=0\r\n"
OFFER = {"targetUserId": "sfu", "sdp": SDP}


@pytest.fixture
async def node(fleet: Fleet) -> FakeNode:
    return await fleet.node("n1")


@pytest.fixture
async def room(fleet: Fleet, node: FakeNode) -> str:
    return await fleet.room(topology="sfu", is_recording_enabled=True)


async def _transport(fleet: Fleet, room: str, user: str, node: str = "n1") -> str:
    return transport_id(SeatId((await fleet.members(room))[user]["seat"]), NodeId(node))


async def _running(fleet: Fleet, room: str) -> str | None:
    """What SQL says."""
    return (await fleet.directory.room(RoomId(room))).recording_id


async def _join(fleet: Fleet, worker: Worker, dialect: str, room: str, role: str = "host") -> tuple[PlainClient, str]:
    if dialect == "plain":
        return await fleet.join(worker, room, role=role)
    client, user = await connect_signalr(worker), new_uuid()
    client.result = await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user, role)})
    return client, user


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_host_starts_and_stops(fleet: Fleet, node: FakeNode, worker: Worker, room: str, dialect: str) -> None:
    second = await fleet.worker()
    host, host_id = await _join(fleet, worker, dialect, room)
    bob, bob_id = await _join(fleet, second, dialect, room, "attendee")
    assert host.result["isRecording"] is False
    assert "recordingId" not in host.result
    recording = (await host.call("StartRecording", {"layout": "speaker"}))["recordingId"]
    state = await fleet.hash(room)
    assert (state["isRecording"], state["recordingId"]) == ("true", recording)
    assert await _running(fleet, room) == recording
    for client, user in ((host, host_id), (bob, bob_id)):
        assert await client.event("RecordingChanged") == {"isRecording": True, "recordingId": recording}
        told = await node.command(commands.Record, transport=await _transport(fleet, room, user))
        assert told.recording == recording
    late, late_id = await _join(fleet, second, dialect, room, "attendee")
    assert (late.result["isRecording"], late.result["recordingId"]) == (True, recording)
    await late.event("SfuEndpoint")
    await late.call("SendOffer", OFFER)
    offer = await node.command(commands.Offer, user_id=late_id)
    assert (offer.recording, offer.name) == (recording, "Ann")
    assert await host.call("StopRecording") == {}
    for client in (host, bob, late):
        assert await client.event("RecordingChanged", isRecording=False) == {"isRecording": False, "recordingId": None}
    assert (await node.command(commands.StopRecording)).recording == recording
    assert (await fleet.hash(room))["isRecording"] == "false"
    assert (await fleet.recordings.find(RoomId(room), RecordingId(recording))).status == "processing"
    assert await host.call("StopRecording") == {}
    again = (await host.call("StartRecording", {}))["recordingId"]
    assert again != recording


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_opting_out(fleet: Fleet, node: FakeNode, worker: Worker, room: str, dialect: str) -> None:
    second = await fleet.worker()
    host, _ = await _join(fleet, worker, dialect, room)
    bob, bob_id = await _join(fleet, second, dialect, room, "attendee")
    await host.event("ParticipantJoined", userId=bob_id)
    assert await bob.call("SetRecordingOptOut", {"optOut": True}) == {}
    for client in (host, bob):
        assert await client.event("RecordingOptOutChanged") == {"userId": bob_id, "optOut": True}
    assert (await fleet.members(room))[bob_id]["recordingOptOut"] is True
    recording = (await host.call("StartRecording", {}))["recordingId"]
    await bob.event("RecordingChanged")
    await bob.event("SfuEndpoint")
    await bob.call("SendOffer", OFFER)
    assert (await node.command(commands.Offer, user_id=bob_id)).recording is None
    late, _ = await _join(fleet, worker, dialect, room, "attendee")
    shown = {p["userId"]: p["recordingOptOut"] for p in late.result["participants"]}
    assert shown[bob_id] is True
    await bob.call("SetRecordingOptOut", {"optOut": False})
    told = await node.command(commands.Record, transport=await _transport(fleet, room, bob_id), recording=recording)
    assert told.room == room


async def test_who_joins_may_opt_out_at_once_and_stays_out(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    host, _ = await fleet.join(worker, room, role="host")
    ann, user = await fleet.join(worker, room, recordingOptOut=True)
    assert (await host.event("ParticipantJoined", userId=user))["recordingOptOut"] is True
    second, _ = await fleet.join(await fleet.worker(), room, user)  # takes the seat
    await ann.event("Replaced")
    await host.call("StartRecording", {})
    await second.event("RecordingChanged")
    await second.event("SfuEndpoint")
    await second.call("SendOffer", OFFER)
    assert (await node.command(commands.Offer, user_id=user)).recording is None


async def test_who_returns_learns_of_it_and_is_recorded_then(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    second = await fleet.worker()
    host, _ = await fleet.join(worker, room, role="host")
    ann, user = await fleet.join(worker, room)
    await ann.cut()
    await host.event("ConnectionLost", userId=user)
    recording = (await host.call("StartRecording", {}))["recordingId"]
    await host.event("RecordingChanged")
    transport = await _transport(fleet, room, user)
    assert not any(getattr(command, "transport", None) == transport for command in node.commands)
    back, _ = await fleet.join(second, room, user, resumeToken=ann.result["resumeToken"])
    assert back.result["recordingId"] == recording
    assert (await node.command(commands.Record, transport=transport)).recording == recording


async def test_the_recording_goes_on_when_redis_forgets(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    host, _ = await fleet.join(worker, room, role="host")
    recording = (await host.call("StartRecording", {}))["recordingId"]
    await host.event("RecordingChanged")
    await fleet.redis.call(f"room:{{{room}}}", b"DEL", *_keys(room))
    late, _ = await fleet.join(await fleet.worker(), room)
    assert late.result["recordingId"] == recording
    assert (await fleet.hash(room))["recordingId"] == recording
    await host.call("KeepAlive")
    await host.fence()
    assert [e["isRecording"] for e in host.named("RecordingChanged")] == [True]
    assert not any(isinstance(command, commands.StopRecording) for command in node.commands)


async def test_after_a_move_offers_carry_the_recording(fleet: Fleet, node: FakeNode, worker: Worker, room: str) -> None:
    host, user = await fleet.join(worker, room, role="host")
    recording = (await host.call("StartRecording", {}))["recordingId"]
    await host.event("RecordingChanged")
    other = await fleet.node("n2")
    assert await worker.rooms.move(RoomId(room), NodeId("n1"), NodeId("n2"))
    await host.event("SfuEndpoint", transportId=await _transport(fleet, room, user, "n2"))
    await host.call("SendOffer", OFFER)
    assert (await other.command(commands.Offer)).recording == recording
    await host.call("StopRecording")
    for told in (node, other):
        assert (await told.command(commands.StopRecording)).recording == recording


async def test_the_end_of_the_meeting_is_the_end_of_the_recording(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    host, _ = await fleet.join(worker, room, role="host")
    recording = (await host.call("StartRecording", {}))["recordingId"]
    await host.event("RecordingChanged")
    await host.call("EndRoom")
    await host.closed()
    assert (await fleet.recordings.find(RoomId(room), RecordingId(recording))).status == "processing"
    assert await fleet.hash(room) == {}
    assert (await node.command(commands.StopRecording)).recording == recording


async def test_refusals(fleet: Fleet, node: FakeNode, worker: Worker, room: str) -> None:
    host, _ = await fleet.join(worker, room, role="host")
    ann, _ = await fleet.join(worker, room)
    assert await ann.refused("StartRecording", {}) == "forbidden"
    assert await ann.refused("StopRecording") == "forbidden"
    assert await host.refused("StartRecording", {"layout": "mosaic"}) == "invalid"
    assert await ann.refused("SetRecordingOptOut", {}) == "invalid"
    await host.call("StartRecording", {})
    assert await host.refused("StartRecording", {}) == "already_recording"
    for enabled, topology in ((False, "sfu"), (True, "p2p")):
        other = await fleet.room(topology=topology, is_recording_enabled=enabled)
        host, _ = await fleet.join(worker, other, role="host")
        assert await host.refused("StartRecording", {}) == "forbidden"
        assert await _running(fleet, other) is None


# --- as the control plane asks for it


def _start(worker: Worker, room: str, recording: str) -> Any:
    return worker.hub.start_recording(RoomId(room), RecordingId(recording), "grid", "test")


async def test_a_worker_without_members_starts_and_stops(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    second, recording = await fleet.worker(), new_uuid()
    ann, _ = await fleet.join(worker, room)
    await _start(second, room, recording)
    assert (await fleet.hash(room))["recordingId"] == recording
    await ann.event("RecordingChanged", recordingId=recording)
    await _start(second, room, recording)  # the same request, made again
    with pytest.raises(AlreadyRecording):
        await _start(second, room, new_uuid())
    for _ in range(2):
        await second.hub.stop_recording(RoomId(room), RecordingId(recording), "test")
        assert (await fleet.hash(room))["isRecording"] == "false"
    await ann.event("RecordingChanged", isRecording=False)


async def test_without_a_meeting_nothing_starts(fleet: Fleet, node: FakeNode, worker: Worker, room: str) -> None:
    with pytest.raises(NoSession):
        await _start(worker, room, new_uuid())
    other = await fleet.room()
    with pytest.raises(Forbidden):
        await _start(worker, other, new_uuid())


async def test_a_start_that_finds_no_state_leaves_nothing(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    await fleet.join(worker, room)
    await fleet.redis.call(f"room:{{{room}}}", b"DEL", *_keys(room))
    with pytest.raises(NoSession):
        await _start(await fleet.worker(), room, new_uuid())
    assert await fleet.recordings.of_room(RoomId(room)) == []


async def test_a_stop_without_a_state_is_in_sql_and_on_the_nodes(
    fleet: Fleet, node: FakeNode, worker: Worker, room: str
) -> None:
    recording = new_uuid()
    await fleet.join(worker, room)
    await _start(worker, room, recording)
    await fleet.redis.call(f"room:{{{room}}}", b"DEL", *_keys(room))
    second = await fleet.worker()
    await second.hub.stop_recording(RoomId(room), RecordingId(recording), "test")
    assert (await fleet.recordings.find(RoomId(room), RecordingId(recording))).status == "processing"
    assert (await node.command(commands.StopRecording)).recording == recording


async def test_what_is_in_sql_only_is_completed_by_the_reaper(
    fleet: Fleet, node: FakeNode, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis fails between the two."""
    worker, recording = await fleet.worker(replace(SETTINGS, reap=0.2)), new_uuid()
    ann, _ = await fleet.join(worker, room)
    second = await fleet.worker()

    async def away(*_: object) -> Begun:
        raise Unavailable("Redis is away")

    monkeypatch.setattr(second.rooms, "begin_recording", away)
    with pytest.raises(Unavailable):
        await _start(second, room, recording)
    await ann.event("RecordingChanged", recordingId=recording)
    monkeypatch.setattr(second.rooms, "end_recording", away)
    with pytest.raises(Unavailable):
        await second.hub.stop_recording(RoomId(room), RecordingId(recording), "test")
    assert (await node.command(commands.StopRecording)).recording == recording  # at once
    await ann.event("RecordingChanged", isRecording=False)
    session = SessionId((await fleet.hash(room))["sessionId"])
    assert await worker.rooms.begin_recording(RoomId(room), RecordingId(recording), session) is Begun.OVER


async def test_settings_that_change_do_not_end_it(fleet: Fleet, node: FakeNode, worker: Worker, room: str) -> None:
    host, user = await fleet.join(worker, room, role="host")
    recording = (await host.call("StartRecording", {}))["recordingId"]
    await host.event("RecordingChanged")
    change = SettingsChange(is_recording_enabled=False)
    await fleet.directory.change_settings(fleet.tenant, RoomId(room), change)  # type: ignore[arg-type]
    back, _ = await fleet.join(worker, room, UserId(user), role="host")
    assert back.result["recordingId"] == recording
    assert await back.call("StopRecording") == {}
    assert await back.refused("StartRecording", {}) == "forbidden"


def _keys(room: str) -> list[str]:
    return [f"room:{{{room}}}", f"room:{{{room}}}:participants", f"room:{{{room}}}:seen", f"room:{{{room}}}:removed"]
