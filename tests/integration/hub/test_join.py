"""JoinRoom: who is admitted, what it answers, what Redis and SQL hold afterwards."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest
from msgspec.structs import replace

from tertulia.contract.settings import SettingsChange
from tertulia.ids import RoomId, UserId, new_uuid
from tertulia.state import keys
from tertulia.times import from_seconds
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, Worker
from tests.integration.hub.signalr import connect_signalr


async def test_result_and_event_have_the_contracts_fields(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room, name="Ann", isMuted=True)
    bob, bob_id = await fleet.join(worker, room, name="Bob", isVideoOn=True)
    assert ann.result.keys() >= {"userId", "role", "participants", "resumeToken", "keepAliveSeconds"}
    assert (ann.result["userId"], ann.result["role"], ann.result["participants"]) == (ann_id, "attendee", [])
    assert ann.result["keepAliveSeconds"] == SETTINGS.keep_alive
    assert "missed" not in ann.result
    [seen] = bob.result["participants"]
    joined_at = seen.pop("joinedAt")
    assert joined_at.endswith("Z")
    assert seen == {
        "userId": ann_id,
        "displayName": "Ann",
        "role": "attendee",
        "isMuted": True,
        "isVideoOn": False,
        "handRaised": False,
        "recordingOptOut": False,
        "isGuest": False,
        "isSpotlit": False,
        "permissions": {},
    }
    shown = await ann.event("ParticipantJoined")
    assert (shown["userId"], shown["displayName"], shown["isMuted"], shown["isVideoOn"]) == (bob_id, "Bob", False, True)
    assert {"role", "joinedAt"} <= shown.keys()
    await bob.fence()
    assert bob.named("ParticipantJoined") == []


async def test_redis_holds_what_the_contract_says(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    _, ann = await fleet.join(worker, room, role="host")
    _, bob = await fleet.join(worker, room)
    state = await fleet.hash(room)
    assert (state["sfuRegion"], state["participantCount"], state["isRecording"]) == ("us-east-1", "2", "false")
    members = await fleet.members(room)
    assert members.keys() == {ann, bob}
    assert members[ann].keys() >= {"connectionId", "role", "isMuted", "isVideoOn", "joinedAt"}
    assert (members[ann]["role"], members[bob]["role"]) == ("host", "attendee")
    for key in keys.room_keys(RoomId(room))[:3]:
        assert 0 < await fleet.redis.call(key, b"TTL", key) <= 120


async def test_a_room_id_is_read_in_any_case(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    client = await worker.connect()
    await client.call("JoinRoom", {"roomId": room.upper(), "token": fleet.token(room, new_uuid())})
    assert (await fleet.hash(room))["participantCount"] == "1"


def _forged(token: str, header: dict[str, str]) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}."


async def test_tokens_that_do_not_count(fleet: Fleet, worker: Worker) -> None:
    room, other = await fleet.room(), await fleet.room()
    good = fleet.token(room, new_uuid())
    client = await worker.connect()
    bad = {
        "garbage": "garbage",
        "damaged": good[:-4] + "AAAA",
        "expired": fleet.token(room, new_uuid(), now=time.time() - 4000),
        "alg none": _forged(good, {"alg": "none", "typ": "JWT"}),
        "alg none, our type": _forged(good, {"alg": "none", "typ": "tertulia-room+jwt"}),
        "another room's": fleet.token(other, new_uuid()),
    }
    for what, token in bad.items():
        assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token", what
    assert await fleet.hash(room) == {}
    await client.call("JoinRoom", {"roomId": room, "token": good})  # a refused JoinRoom may be tried again


async def test_another_tenants_token_finds_no_room(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    mine, fleet.tenant = fleet.tenant, await fleet.another_tenant()
    token = fleet.token(room, new_uuid())
    fleet.tenant = mine
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "not_found"


async def test_a_deleted_room_is_gone(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    await fleet.directory.delete_room(fleet.tenant, RoomId(room), from_seconds(time.time()))  # type: ignore[arg-type]
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}) == "not_found"


async def test_allowed_roles_and_the_host_who_is_always_admitted(fleet: Fleet, worker: Worker) -> None:
    host = new_uuid()
    room = await fleet.room(host, allowed_roles=("guest",))
    client = await worker.connect()
    cohost = {"roomId": room, "token": fleet.token(room, new_uuid(), "host")}
    assert await client.refused("JoinRoom", cohost) == "role_not_allowed"
    assert (await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, host, "host")}))["role"] == "host"
    closed = await fleet.room(host, allowed_roles=("host",))
    guest = await worker.connect()
    attempt = {"roomId": closed, "token": fleet.token(closed, new_uuid())}
    assert await guest.refused("JoinRoom", attempt) == "role_not_allowed"


async def test_allowed_roles_that_change_put_nobody_out(fleet: Fleet, worker: Worker) -> None:
    room, user = await fleet.room(), new_uuid()
    client = await worker.connect()
    ticket = {"roomId": room, "token": fleet.token(room, user)}
    joined = await client.call("JoinRoom", ticket)
    change = SettingsChange(allowed_roles=["host"])
    await fleet.directory.change_settings(None, RoomId(room), change)
    await client.cut()
    back = await worker.connect()
    await back.call("JoinRoom", {**ticket, "resumeToken": joined["resumeToken"]})
    await back.call("LeaveRoom")
    assert await back.refused("JoinRoom", ticket) == "role_not_allowed"


async def test_a_full_room_and_the_member_who_comes_back(fleet: Fleet, worker: Worker) -> None:
    host = new_uuid()
    room = await fleet.room(host, max_participants=2)
    await fleet.join(worker, room, host, role="host")  # the host counts
    _, bob = await fleet.join(worker, room)
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}) == "room_full"
    assert (await fleet.hash(room))["participantCount"] == "2"
    await fleet.join(worker, room, bob)
    assert (await fleet.hash(room))["participantCount"] == "2"


async def test_a_changed_setting_holds_from_the_next_join_and_puts_nobody_out(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room(max_participants=3)
    ann, _ = await fleet.join(worker, room)
    await fleet.join(worker, room)
    change = SettingsChange(max_participants=1)
    await fleet.directory.change_settings(fleet.tenant, RoomId(room), change)  # type: ignore[arg-type]
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}) == "room_full"
    await ann.call("KeepAlive")
    assert (await fleet.hash(room))["participantCount"] == "2"


async def test_no_race_overruns_max_participants(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room = await fleet.room(max_participants=5)

    async def attempt(i: int) -> bool:
        try:
            await fleet.join((worker, second)[i % 2], room)
        except CallRefused as e:
            assert e.code == "room_full"
            return False
        return True

    assert sum(await asyncio.gather(*map(attempt, range(12)))) == 5
    assert len(await fleet.members(room)) == 5


async def test_one_room_at_a_time(fleet: Fleet, worker: Worker) -> None:
    room, other = await fleet.room(), await fleet.room()
    ann, user = await fleet.join(worker, room)
    for again in (room, other):
        token = fleet.token(again, user)
        assert await ann.refused("JoinRoom", {"roomId": again, "token": token}) == "already_joined"
    await ann.call("LeaveRoom")
    await ann.call("JoinRoom", {"roomId": other, "token": fleet.token(other, user)})


async def test_who_does_not_join_in_time_is_closed(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, join_within=1))
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": new_uuid(), "token": "x"}) == "bad_token"
    assert await client.closed() == 4408


async def test_who_joined_in_time_stays(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, join_within=1.5))
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    late = await worker.connect()
    assert await late.closed() == 4408  # the clock has struck for ann too
    await ann.call("KeepAlive")


async def test_who_left_may_take_their_time(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, join_within=1.5))
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    await ann.call("LeaveRoom")
    late = await worker.connect()
    assert await late.closed() == 4408
    await ann.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})


async def test_who_was_joining_when_the_time_was_over_may_leave_and_join_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await fleet.worker(replace(SETTINGS, join_within=1))
    room, user = await fleet.room(), new_uuid()
    gate = asyncio.Event()
    verify = fleet.keyring.verify_room

    async def slow(token: str) -> object:
        await gate.wait()
        return await verify(token)

    monkeypatch.setattr(fleet.keyring, "verify_room", slow)
    ann, payload = await worker.connect(), {"roomId": room, "token": fleet.token(room, user)}
    await ann.post("JoinRoom", payload, id="join")
    late = await worker.connect()
    assert await late.closed() == 4408  # the clock has struck for ann too
    gate.set()
    await ann.answer("join")
    await ann.call("LeaveRoom")
    await ann.call("JoinRoom", payload)


async def test_calls_sent_before_the_answer_take_effect_in_order(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, user = await worker.connect(), new_uuid()
    await bob.post("JoinRoom", {"roomId": room, "token": fleet.token(room, user)}, id=1)
    await bob.post("UpdateState", {"isMuted": True}, id=2)
    await bob.post("SendIceCandidate", {"targetUserId": ann_id, "candidate": "candidate:1"}, id=3)
    await bob.post("SendChat", {"text": "hello"}, id=4)
    await bob.post("LeaveRoom", id=5)
    await bob.post("SendChat", {"text": "too late"}, id=6)
    await bob.frame(lambda f: f.get("replyTo") == 6)
    answers = [f["replyTo"] for f in bob.frames if "replyTo" in f]
    assert answers == [1, 2, 3, 4, 5, 6]
    assert bob.frames[-1]["error"]["code"] == "not_joined"
    await ann.event("ParticipantLeft", userId=user)
    names = [name for name, payload in ann.events if user in payload.values()]
    assert names == ["ParticipantJoined", "StateChanged", "IceCandidate", "ChatMessage", "ParticipantLeft"]


async def test_without_an_id_join_is_answered_all_the_same(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    client = await worker.connect()
    await client.post("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    frame = await client.frame(lambda f: "replyTo" in f)
    assert frame["replyTo"] is None
    assert "resumeToken" in frame["result"]


async def test_the_room_is_active_and_its_session_open_before_the_answer(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    assert (await fleet.directory.room(RoomId(room))).status == "SCHEDULED"
    await fleet.join(worker, room)
    record = await fleet.directory.room(RoomId(room))
    assert record.status == "ACTIVE"
    assert record.session_id == (await fleet.hash(room))["sessionId"]
    await fleet.join(worker, room)
    assert len(await fleet.directory.sessions(RoomId(room))) == 1


async def test_nobody_is_missed(fleet: Fleet, worker: Worker) -> None:
    """Twelve people join at once on two workers: each is in the list or comes by ParticipantJoined."""
    second = await fleet.worker()
    room = await fleet.room()
    joined = await asyncio.gather(*(fleet.join((worker, second)[i % 2], room) for i in range(12)))
    everyone = {user for _, user in joined}
    for client, user in joined:
        listed = {p["userId"] for p in client.result["participants"]}
        for other in everyone - listed - {user}:
            await client.event("ParticipantJoined", userId=other)


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_removed_users_token_is_void(fleet: Fleet, worker: Worker, dialect: str) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    old = fleet.token(room, user)
    assert await worker.hub.remove_participant(RoomId(room), UserId(user))
    assert await ann.closed() == 4003
    client = await (worker.connect() if dialect == "plain" else connect_signalr(worker))
    with pytest.raises(CallRefused) as refused:
        await client.call("JoinRoom", {"roomId": room, "token": old})
    if dialect == "plain":
        assert (refused.value.code, refused.value.reason) == ("bad_token", "removed")
    else:
        assert "HubException: bad_token: removed: you were removed" in str(refused.value)
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user, now=time.time() + 1)})


@pytest.mark.parametrize("region", [None, "nowhere"])
async def test_an_unknown_region_falls_back_to_the_default(fleet: Fleet, worker: Worker, region: str | None) -> None:
    room = await fleet.room()
    client = await worker.connect()
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid(), region=region)})
    assert (await fleet.hash(room))["sfuRegion"] == "us-east-1"
