"""Who is in a room, on a real Redis 7, Valkey and Redis Cluster."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
import pytest

from tertulia.errors import NotJoined, RoomFull
from tertulia.ids import NodeId, RecordingId, SeatId, SessionId
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room.answers import Begun, KeptAlive, MustWait, StateLost, Uncounted
from tertulia.room.messages import (
    EndedMessage,
    HandMessage,
    JoinedMessage,
    LeftMessage,
    NameMessage,
    NodeMessage,
    OptOutMessage,
    RecordingMessage,
    StateMessage,
)
from tertulia.room.steps import KnownRoom
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import (
    Inbox,
    counts,
    hub_state,
    join,
    new_connection,
    new_room,
    new_user,
    now_ms,
    ttls,
)


async def test_the_first_join_makes_the_room(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user, is_video_on=True, display_name='Ada "/" 🎈\n')
    assert (joined.region, joined.node, joined.first_of_session) == ("us-east-1", "node-1", True)
    assert (joined.others, joined.replaced, joined.resumed, joined.recording) == ([], None, False, None)
    stored = await redis.call(keys.room(room), "HGETALL", keys.room(room))
    fields = dict(zip(stored[::2], stored[1::2], strict=True))
    assert fields[b"sfuRegion"] == b"us-east-1"
    assert fields[b"participantCount"] == b"1"
    assert (fields[b"isRecording"], fields[b"recordingId"]) == (b"false", b"")
    text = await redis.call(keys.room(room), "HGET", keys.participants(room), user)
    member = msgspec.json.decode(text)
    assert (member["role"], member["isMuted"], member["isVideoOn"]) == ("attendee", True, True)
    assert member["displayName"] == 'Ada "/" 🎈\n'
    assert member["connectionId"] == joined.participant.connection_id
    assert abs(datetime.fromisoformat(member["joinedAt"]).timestamp() * 1000 - now_ms()) < 5000
    assert len(member["joinedAt"]) == len("2026-01-02T03:04:05.678Z")


async def test_the_room_keeps_its_region_node_session_and_incarnation(rooms: RoomState) -> None:
    room = new_room()
    first = await join(rooms, room, new_user())
    second = await join(rooms, room, new_user(), region="eu-west-1", node="node-2")
    assert (second.region, second.node) == ("us-east-1", "node-1")
    assert (second.session_id, second.incarnation) == (first.session_id, first.incarnation)
    assert not second.first_of_session
    assert second.others == [first.participant]


async def test_a_full_room_refuses_all_but_its_members(redis: Redis, rooms: RoomState) -> None:
    room, members = new_room(), [new_user(), new_user()]
    for user in members:
        await join(rooms, room, user, limit=2)
    for role in ("attendee", "host"):
        with pytest.raises(RoomFull):
            await join(rooms, room, new_user(), limit=2, role=role)
    assert await counts(redis, room) == (2, 2, 2)
    await join(rooms, room, members[0], limit=1)
    assert await counts(redis, room) == (2, 2, 2)


async def test_who_finds_no_place_makes_no_room(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    with pytest.raises(RoomFull):
        await join(rooms, room, new_user(), limit=0)
    assert await ttls(redis, room) == {}


async def test_who_is_not_counted_gets_no_seat_and_a_member_keeps_theirs(redis: Redis, rooms: RoomState) -> None:
    room, ann, bob = new_room(), new_user(), new_user()
    with pytest.raises(Uncounted):
        await join(rooms, room, ann, is_counted=False)
    assert await ttls(redis, room) == {}
    await join(rooms, room, ann)
    with pytest.raises(MustWait):
        await join(rooms, room, bob, is_counted=False, entry="waits")
    with pytest.raises(RoomFull):
        await join(rooms, room, bob, is_counted=False, limit=1)
    with pytest.raises(Uncounted):
        await join(rooms, room, bob, is_counted=False)
    assert await counts(redis, room) == (1, 1, 1)
    assert (await join(rooms, room, ann, is_counted=False)).participant.user_id == ann


async def test_racing_joins_never_overrun_the_limit(redis_url: str) -> None:
    clients = await asyncio.gather(*(connect_redis(redis_url) for _ in range(8)))
    try:
        room = new_room()
        hubs = [hub_state(client, f"hub-{i}") for i, client in enumerate(clients)]
        attempts = [join(hubs[i % 8], room, new_user(), limit=13) for i in range(200)]
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(r, RoomFull) for r in results) == 187
        assert await counts(clients[0], room) == (13, 13, 13)
        assert sum(getattr(r, "first_of_session", False) for r in results) == 1
    finally:
        for client in clients:
            await client.close()


async def test_the_same_user_again_takes_the_seat_with_its_state(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    first = await join(rooms, room, user, is_muted=True)
    await rooms.raise_hand(room, user, first.participant.connection_id, first.incarnation, True)
    again = await join(hub_state(redis, "hub-b"), room, user, is_muted=False, display_name="Other", returning="wrong")
    assert again.replaced is not None
    assert again.replaced.connection_id == first.participant.connection_id
    assert not again.resumed
    me, was = again.participant, first.participant
    assert (me.is_muted, me.joined_at, me.display_name, me.hand_raised) == (True, was.joined_at, "Ada", True)
    assert me.seat != was.seat
    assert me.hub == "hub-b"
    assert await counts(redis, room) == (1, 1, 1)


async def test_the_right_resume_token_returns_to_the_seat(rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    first = await join(rooms, room, user, resume="one")
    back = await join(rooms, room, user, returning="one", resume="two")
    assert back.resumed
    assert back.replaced == first.participant
    assert back.participant.seat == first.participant.seat
    stale = await join(rooms, room, user, returning="one", resume="three")
    assert not stale.resumed
    assert stale.participant.seat != first.participant.seat


async def test_joining_again_from_the_same_connection_changes_nothing(redis: Redis, rooms: RoomState) -> None:
    room, user, connection = new_room(), new_user(), new_connection()
    first = await join(rooms, room, user, connection, resume="r", admitted=5)
    again = await join(rooms, room, user, connection, resume="r", admitted=5)
    assert again.participant == first.participant
    assert again.replaced is None
    assert await counts(redis, room) == (1, 1, 1)


async def test_a_late_call_of_a_replaced_connection_changes_nothing(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    old = await join(rooms, room, user)
    new = await join(rooms, room, user)
    before = await rooms.participants(room)
    late = (room, user, old.participant.connection_id)
    assert await rooms.leave(*late, "left") is None
    assert await rooms.keep_alive(*late, old.incarnation) is KeptAlive.NOT_JOINED
    with pytest.raises(NotJoined):
        await rooms.update(*late, old.incarnation, is_muted=False)
    with pytest.raises(NotJoined):
        await rooms.raise_hand(*late, old.incarnation, True)
    assert await rooms.participants(room) == before == [new.participant]
    assert await counts(redis, room) == (1, 1, 1)


async def test_leaving_frees_the_seat_once(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    a, b = await join(rooms, room, new_user()), await join(rooms, room, new_user())
    for joined, remaining in ((a, 1), (b, 0)):
        me = joined.participant
        left = await rooms.leave(room, me.user_id, me.connection_id, "left")
        assert left is not None
        assert (left.remaining, left.participant) == (remaining, me)
        assert await rooms.leave(room, me.user_id, me.connection_id, "left") is None
        assert await counts(redis, room) == (remaining, remaining, remaining)
    summary = await rooms.summary(room)
    assert summary is not None
    assert summary.empty_for_ms is not None
    assert summary.participant_count == 0
    back = await join(rooms, room, new_user())
    assert (back.session_id, back.first_of_session) == (a.session_id, False)
    summary = await rooms.summary(room)
    assert summary is not None
    assert summary.empty_for_ms is None


async def test_update_changes_what_is_given(rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user, is_muted=True, is_video_on=False)
    mine = (room, user, joined.participant.connection_id, joined.incarnation)
    assert await rooms.update(*mine, is_muted=True) is None
    assert await rooms.update(*mine) is None
    changed = await rooms.update(*mine, is_video_on=True)
    assert changed == StateMessage(origin="hub-a", user_id=user, is_muted=True, is_video_on=True)
    assert await rooms.raise_hand(*mine, True)
    assert not await rooms.raise_hand(*mine, True)
    stored = await rooms.participant(room, user)
    assert stored is not None
    assert (stored.is_muted, stored.is_video_on, stored.hand_raised) == (True, True, True)


async def test_that_the_camera_was_turned_off_is_kept_with_the_seat(rooms: RoomState) -> None:
    """Unlike a camera of which nothing was said."""
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user, is_video_on=False)
    assert joined.participant.said_video_off is False
    mine = (room, user, joined.participant.connection_id, joined.incarnation)
    changed = await rooms.update(*mine, is_video_on=False)
    assert changed == StateMessage(origin="hub-a", user_id=user, is_muted=True, is_video_on=False, said_video_off=True)
    assert await rooms.update(*mine, is_video_on=False) is None
    again = await join(rooms, room, user)
    assert again.participant.said_video_off is True
    mine = (room, user, again.participant.connection_id, again.incarnation)
    changed = await rooms.update(*mine, is_video_on=True)
    assert changed == StateMessage(origin="hub-a", user_id=user, is_muted=True, is_video_on=True)
    stored = await rooms.participant(room, user)
    assert stored is not None
    assert stored.said_video_off is False


async def test_nothing_is_made_where_there_is_no_state(redis: Redis, rooms: RoomState) -> None:
    room, user, connection = new_room(), new_user(), new_connection()
    assert await rooms.leave(room, user, connection, "left") is None
    removed = await rooms.remove(room, user)
    assert (removed.session_id, removed.left) == (None, None)
    assert await rooms.keep_alive(room, user, connection, "i") is KeptAlive.LOST
    with pytest.raises(StateLost):
        await rooms.update(room, user, connection, "i", is_muted=True)
    assert await rooms.expire(room, 1) is None
    assert await rooms.end(room, "host") is None
    assert not await rooms.move(room, NodeId("node-1"), NodeId("node-2"))
    assert not await rooms.move(room, None, NodeId("node-2"))
    assert await rooms.begin_recording(room, RecordingId("r"), SessionId("s")) is Begun.NO_MEETING
    assert await rooms.end_recording(room, RecordingId("r")) is None
    assert await rooms.summary(room) is None
    assert await ttls(redis, room) == {}


async def test_there_may_be_no_limit(rooms: RoomState) -> None:
    room = new_room()
    await join(rooms, room, new_user(), limit=1)
    with pytest.raises(RoomFull):
        await join(rooms, room, new_user(), limit=1)
    await join(rooms, room, new_user(), limit=None)


async def test_a_room_moves_from_the_node_it_is_on_only(rooms: RoomState) -> None:
    room = new_room()
    assert (await join(rooms, room, new_user(), node=None)).node is None
    assert await rooms.move(room, None, NodeId("node-1"))
    assert not await rooms.move(room, None, NodeId("node-2"))
    assert await rooms.move(room, NodeId("node-1"), NodeId("node-2"))
    summary = await rooms.summary(room)
    assert summary is not None
    assert (summary.node, summary.region) == ("node-2", "us-east-1")


async def test_every_change_is_told_on_the_channel_in_order(rooms: RoomState, channels: Channels, redis: Redis) -> None:
    room, user, inbox = new_room(), new_user(), Inbox()
    await channels.subscribe(keys.room_events(room), inbox.on_message, inbox.on_gap)
    joined = await join(rooms, room, user, resume="one", seat=SeatId("seat"))
    me = joined.participant
    assert await inbox.next() == JoinedMessage(origin="hub-a", user_id=user, participant=me)
    back = await join(rooms, room, user, returning="one")
    expected = JoinedMessage(origin="hub-a", user_id=user, participant=back.participant, replaced=me, resumed=True)
    assert await inbox.next() == expected
    mine = (room, user, back.participant.connection_id, back.incarnation)
    await rooms.update(*mine, is_video_on=True)
    assert await inbox.next() == StateMessage(origin="hub-a", user_id=user, is_muted=True, is_video_on=True)
    await rooms.raise_hand(*mine, True)
    assert await inbox.next() == HandMessage(origin="hub-a", user_id=user, raised=True)
    await rooms.set_display_name(*mine, "Zoë")
    assert await inbox.next() == NameMessage(origin="hub-a", user_id=user, display_name="Zoë")
    await rooms.set_recording_opt_out(*mine, True)
    assert await inbox.next() == OptOutMessage(origin="hub-a", user_id=user, opt_out=True)
    await rooms.begin_recording(room, RecordingId("r"), back.session_id)
    said = RecordingMessage(
        origin="hub-a", session_id=back.session_id, is_recording=True, recording_id=RecordingId("r")
    )
    assert await inbox.next() == said
    await rooms.end_recording(room, RecordingId("r"))
    assert await inbox.next() == RecordingMessage(origin="hub-a", session_id=back.session_id, is_recording=False)
    await rooms.move(room, NodeId("node-1"), NodeId("node-2"))
    assert await inbox.next() == NodeMessage(origin="hub-a", sfu_node=NodeId("node-2"), sfu_region="us-east-1")
    known = KnownRoom(region="r", node=None, session_id=back.session_id, recording=None)
    other = msgspec.structs.replace(me, user_id=new_user())
    await rooms.restore(room, known, [other], "x")
    assert await inbox.next() == JoinedMessage(
        origin="hub-a", user_id=other.user_id, participant=other, replaced=None, resumed=True, restored=True
    )
    removed = await rooms.remove(room, other.user_id)
    assert await inbox.next() == LeftMessage(
        origin="hub-a",
        user_id=other.user_id,
        connection_id=me.connection_id,
        seat=SeatId("seat"),
        reason="removed",
        at_ms=removed.at_ms,
    )
    await rooms.leave(room, user, back.participant.connection_id, "closed")
    assert await inbox.next() == LeftMessage(
        origin="hub-a", user_id=user, connection_id=back.participant.connection_id, seat=SeatId("seat"), reason="closed"
    )
    await rooms.end(room, "host")
    assert await inbox.next() == EndedMessage(origin="hub-a", session_id=joined.session_id, reason="host")
    assert inbox.messages.empty()
