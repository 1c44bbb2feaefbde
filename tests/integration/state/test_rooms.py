"""Each change of a room, on a real Redis 7, Valkey and Redis Cluster."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
import pytest
from msgspec.structs import replace

from tertulia.contract import ChatMessage
from tertulia.errors import BadToken, NoSession, NotJoined, RoomFull
from tertulia.ids import NodeId, RecordingId, SeatId, SessionId, UserId, new_uuid
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room.answers import Begun, KeptAlive, Reacted, RecordingOver, StateLost
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
from tertulia.room.steps import JoinSeat, KnownRoom, Placement
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tertulia.state.rooms import RoomState
from tertulia.times import from_ms, rfc3339
from tests.integration.state.rooms import (
    TTL_MS,
    Inbox,
    age,
    counts,
    hub_state,
    join,
    new_connection,
    new_room,
    new_user,
    now_ms,
    shorten,
    ttls,
)


@pytest.fixture
def rooms(redis: Redis) -> RoomState:
    return hub_state(redis)


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
    first = await join(rooms, room, user, connection, resume="r")
    again = await join(rooms, room, user, connection, resume="r")
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


async def test_only_join_and_keep_alive_refresh_the_ttl(redis: Redis, rooms: RoomState) -> None:
    room, user, other, third = new_room(), new_user(), new_user(), new_user()
    joined = await join(rooms, room, user)
    mine = (room, user, joined.participant.connection_id)
    await join(rooms, room, other)
    await join(rooms, room, third)
    await rooms.remove(room, third)
    await shorten(redis, room, 20_000)
    await rooms.update(*mine, joined.incarnation, is_muted=False)
    await rooms.raise_hand(*mine, joined.incarnation, True)
    await rooms.set_recording_opt_out(*mine, joined.incarnation, True)
    await rooms.begin_recording(room, RecordingId("r"), joined.session_id)
    await rooms.end_recording(room, RecordingId("r"))
    await rooms.move(room, NodeId("node-1"), NodeId("node-2"))
    await rooms.remove(room, other)
    await rooms.expire(room, 30_000)
    await rooms.summary(room)
    await rooms.participants(room)
    assert await rooms.keep_alive(room, other, joined.participant.connection_id, joined.incarnation) is (
        KeptAlive.NOT_JOINED
    )
    with pytest.raises(RoomFull):
        await join(rooms, room, new_user(), limit=1)
    found = await ttls(redis, room)
    assert len(found) == 4
    assert found.pop(keys.removed(room)) == pytest.approx(TTL_MS, abs=5000)  # a removal outlives the state
    assert all(0 < ttl <= 20_000 for ttl in found.values())

    assert await rooms.keep_alive(*mine, joined.incarnation) is KeptAlive.ALIVE
    assert all(TTL_MS - 5000 < ttl <= TTL_MS for ttl in (await ttls(redis, room)).values())
    await shorten(redis, room, 20_000)
    await join(rooms, room, new_user())
    assert all(TTL_MS - 5000 < ttl <= TTL_MS for ttl in (await ttls(redis, room)).values())

    await shorten(redis, room, 20_000)
    await rooms.leave(*mine, "left")
    assert all(0 < ttl <= 20_000 for ttl in (await ttls(redis, room)).values())


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


async def test_a_removed_user_needs_a_newer_token(rooms: RoomState) -> None:
    room, user, host = new_room(), new_user(), new_user()
    await join(rooms, room, host)
    await join(rooms, room, user)
    admitted = await rooms.now_ms(room)
    assert not await rooms.is_void(room, user, admitted)
    removed = await rooms.remove(room, user)
    assert removed.at_ms >= admitted
    assert removed.left is not None
    assert (removed.left.participant.user_id, removed.left.remaining) == (user, 1)
    assert await rooms.is_void(room, user, removed.at_ms)
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=removed.at_ms)
    assert not await rooms.is_void(room, user, removed.at_ms + 1)
    await join(rooms, room, user, admitted=removed.at_ms + 1)
    await rooms.end(room, "host")
    await join(rooms, room, user, admitted=admitted)


async def test_who_has_just_left_is_removed_too(rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user)
    await join(rooms, room, new_user())
    await rooms.leave(room, user, joined.participant.connection_id, "left")
    removed = await rooms.remove(room, user)
    assert (removed.session_id, removed.left) == (joined.session_id, None)
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=removed.at_ms)


async def test_removals_survive_the_loss_of_redis(redis: Redis, rooms: RoomState) -> None:
    """Whoever makes the state of a room again says who was removed."""
    room, user, at = new_room(), new_user(), now_ms()
    made = await join(rooms, room, new_user(), session="s", removals={user: at})
    assert made.first_of_session
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=at)
    await redis.call(keys.removed(room), "DEL", keys.removed(room))  # a single key may be evicted
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=at, session="s", removals={user: at})
    assert set(await ttls(redis, room)) == set(keys.room_keys(room)[:4])
    await redis.call(keys.removed(room), "DEL", keys.removed(room))
    await join(rooms, room, user, admitted=at, session="another", removals={user: at})


async def test_the_removals_of_a_lost_room_have_a_ttl(redis: Redis, rooms: RoomState) -> None:
    room, user, at = new_room(), new_user(), now_ms()
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=at, removals={user: at})
    assert await ttls(redis, room) == {keys.removed(room): pytest.approx(TTL_MS, abs=5000)}
    removed = await rooms.remove(room, user)
    assert (removed.session_id, removed.left) == (None, None)


async def test_a_removal_outlives_the_state_for_its_session_only(redis: Redis, rooms: RoomState) -> None:
    """Whoever makes the state may have read SQL before the removal: that they say nothing of it voids nothing."""
    room, user = new_room(), new_user()
    await join(rooms, room, new_user(), session="s")
    removed = await rooms.remove(room, user)
    await redis.call(keys.room(room), "DEL", keys.room(room))
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=removed.at_ms, session="s")
    await join(rooms, room, user, admitted=removed.at_ms, session="another")


async def test_a_removal_from_a_lost_state_counts_for_whoever_makes_it(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    removed = await rooms.remove(room, user, SessionId("s"))
    assert (removed.session_id, removed.left) == (None, None)
    assert await ttls(redis, room) == {keys.removed(room): pytest.approx(TTL_MS, abs=5000)}
    with pytest.raises(BadToken):
        await join(rooms, room, user, admitted=removed.at_ms, session="s")
    known = KnownRoom(region="r", node=None, session_id=SessionId("s"), recording=None)
    joined_at = rfc3339(from_ms(removed.at_ms))
    mine = msgspec.structs.replace((await join(rooms, new_room(), user)).participant, joined_at=joined_at)
    assert (await rooms.restore(room, known, [mine], "i")).removed == [user]
    await rooms.end(room, "host")
    await rooms.remove(room, user, SessionId("s"))
    other = msgspec.structs.replace(known, session_id=SessionId("another"))
    assert (await rooms.restore(room, other, [mine], "i")).removed == []


async def test_who_was_removed_is_not_written_again(redis: Redis, rooms: RoomState) -> None:
    room, user, host = new_room(), new_user(), new_user()
    before = (await join(rooms, room, host)).participant
    was = await join(rooms, room, user)
    removed = await rooms.remove(room, user)
    known = KnownRoom(region="r", node=None, session_id=was.session_id, recording=None)
    restored = await rooms.restore(room, known, [was.participant, before], "i")
    assert (restored.created, restored.removed) == (False, [user])
    for name in keys.room_keys(room):
        await redis.call(name, "DEL", name)
    known = replace(known, removals={user: removed.at_ms})
    restored = await rooms.restore(room, known, [was.participant, before], "i")
    assert (restored.created, restored.removed) == (True, [user])
    assert [member.user_id for member in await rooms.participants(room)] == [host]
    again = await join(rooms, room, user, admitted=removed.at_ms + 1)
    for name in keys.room_keys(room):
        await redis.call(name, "DEL", name)
    later = replace(again.participant, joined_at=rfc3339(from_ms(removed.at_ms + 1)))
    assert (await rooms.restore(room, known, [later], "i")).removed == []


async def test_there_may_be_no_limit(rooms: RoomState) -> None:
    room = new_room()
    await join(rooms, room, new_user(), limit=1)
    with pytest.raises(RoomFull):
        await join(rooms, room, new_user(), limit=1)
    await join(rooms, room, new_user(), limit=None)


async def test_end_leaves_no_key(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user)
    await join(rooms, room, new_user())
    await rooms.remove(room, user)
    assert await rooms.end(room, "host", session_id=SessionId("another")) is None
    ended = await rooms.end(room, "host", session_id=joined.session_id)
    assert ended is not None
    assert (ended.session_id, len(ended.participants)) == (joined.session_id, 1)
    assert await ttls(redis, room) == {}
    assert await rooms.end(room, "host") is None
    assert (await join(rooms, room, user)).first_of_session


async def test_an_empty_room_ends_after_its_time_only(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user)
    assert await rooms.end(room, "empty", only_if_empty_for_ms=0) is None
    await rooms.leave(room, user, joined.participant.connection_id, "closed")
    assert await rooms.end(room, "empty", only_if_empty_for_ms=60_000) is None
    name = keys.room(room)
    await redis.call(name, "HINCRBY", name, "emptySince", "-60000")
    ended = await rooms.end(room, "empty", only_if_empty_for_ms=60_000)
    assert ended is not None
    assert await ttls(redis, room) == {}


async def test_silent_seats_expire(redis: Redis, rooms: RoomState) -> None:
    room, silent, alive = new_room(), new_user(), new_user()
    await join(rooms, room, silent)
    joined = await join(rooms, room, alive)
    await watch_long_enough(redis, rooms, room)
    await age(redis, room, silent, 31_000)
    await age(redis, room, alive, 29_000)
    expired = await rooms.expire(room, 30_000)
    assert expired is not None
    assert ([p.user_id for p in expired.participants], expired.remaining) == ([silent], 1)
    assert await counts(redis, room) == (1, 1, 1)
    await age(redis, room, alive, 31_000)
    assert await rooms.keep_alive(room, alive, joined.participant.connection_id, joined.incarnation) is KeptAlive.ALIVE
    expired = await rooms.expire(room, 30_000)
    assert expired is not None
    assert expired.participants == []


async def test_after_an_outage_nobody_expires_before_one_interval(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    await join(rooms, room, user)
    await watch_long_enough(redis, rooms, room)
    name = keys.room(room)
    await redis.call(name, "HINCRBY", name, "sweptAt", "-40000")
    await age(redis, room, user, 60_000)
    expired = await rooms.expire(room, 30_000)
    assert expired is not None
    assert expired.participants == []
    await redis.call(name, "HINCRBY", name, "watchedFrom", "-10000")
    expired = await rooms.expire(room, 30_000)
    assert expired is not None
    assert [p.user_id for p in expired.participants] == [user]
    assert expired.remaining == 0


async def watch_long_enough(redis: Redis, rooms: RoomState, room: str) -> None:
    """A first sweep, as if it had been an interval ago."""
    assert await rooms.expire(room, 30_000) is not None  # type: ignore[arg-type]
    name = keys.room(room)  # type: ignore[arg-type]
    await redis.call(name, "HINCRBY", name, "watchedFrom", "-10000")


async def test_a_lost_state_is_restored_by_each_hub(redis: Redis) -> None:
    a, b = hub_state(redis, "hub-a"), hub_state(redis, "hub-b")
    room = new_room()
    first = await join(a, room, new_user())
    second = await join(b, room, new_user())
    me = first.participant
    await redis.call(keys.room(room), "DEL", *keys.room_keys(room))
    assert await a.keep_alive(room, me.user_id, me.connection_id, first.incarnation) is KeptAlive.LOST
    known = KnownRoom(
        region="us-east-1", node=NodeId("node-1"), session_id=first.session_id, recording=RecordingId("r")
    )
    done = await a.restore(room, known, [me], "made-by-a")
    assert (done.incarnation, done.created, done.displaced) == ("made-by-a", True, [])
    other = second.participant
    assert await b.keep_alive(room, other.user_id, other.connection_id, second.incarnation) is KeptAlive.LOST
    done = await b.restore(room, known, [other], "made-by-b")
    assert (done.incarnation, done.created, done.displaced) == ("made-by-a", False, [])
    assert await b.restore(room, known, [other], "made-by-b") == done
    assert await counts(redis, room) == (2, 2, 2)
    assert sorted(await a.participants(room), key=lambda p: p.user_id) == sorted([me, other], key=lambda p: p.user_id)
    summary = await a.summary(room)
    assert summary is not None
    assert (summary.recording, summary.session_id, summary.node) == ("r", first.session_id, "node-1")
    found = await ttls(redis, room)
    assert len(found) == 3
    assert all(TTL_MS - 5000 < ttl <= TTL_MS for ttl in found.values())


async def test_restore_tells_whose_seat_is_taken_by_now(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    old = await join(rooms, room, user)
    await redis.call(keys.room(room), "DEL", *keys.room_keys(room))
    new = await join(rooms, room, user)
    known = KnownRoom(region="us-east-1", node=None, session_id=new.session_id, recording=None)
    done = await rooms.restore(room, known, [old.participant], "x")
    assert done.displaced == [new.participant]
    assert await rooms.participants(room) == [new.participant]
    with pytest.raises(NoSession):
        await rooms.restore(room, KnownRoom(region="r", node=None, session_id=old.session_id, recording=None), [], "x")


async def test_restore_tells_where_the_room_lives_by_now(redis: Redis, rooms: RoomState, channels: Channels) -> None:
    """Somebody who came meanwhile made the state: with another node it stays there, without one it gets the known."""
    room, user, inbox = new_room(), new_user(), Inbox()
    member = (await join(rooms, room, user)).participant
    for node, lives in (("node-2", "node-2"), (None, "node-1")):
        await redis.call(keys.room(room), "DEL", *keys.room_keys(room))
        made = await join(rooms, room, new_user(), node=node, region="eu-west-1")
        await rooms.begin_recording(room, RecordingId("r"), made.session_id)
        if node is None:
            await channels.subscribe(keys.room_events(room), inbox.on_message, inbox.on_gap)
        known = KnownRoom(region="us-east-1", node=NodeId("node-1"), session_id=made.session_id, recording=None)
        done = await rooms.restore(room, known, [member], "x")
        assert (done.created, done.incarnation) == (False, made.incarnation)
        assert (done.region, done.node, done.recording) == ("eu-west-1", lives, "r")
    assert await inbox.next() == NodeMessage(origin="hub-a", sfu_node=NodeId("node-1"), sfu_region="eu-west-1")


async def test_restore_adds_a_recording_that_is_not_over(rooms: RoomState) -> None:
    room, one = new_room(), RecordingId(new_uuid())
    session = (await join(rooms, room, new_user())).session_id
    known = KnownRoom(region="us-east-1", node=None, session_id=session, recording=one)
    done = await rooms.restore(room, known, [], "x")
    assert (done.created, done.recording) == (False, one)
    await rooms.end_recording(room, one)
    assert (await rooms.restore(room, known, [], "x")).recording is None


async def test_a_room_restored_without_members_is_empty(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    known = KnownRoom(region="us-east-1", node=None, session_id=SessionId("s"), recording=None)
    assert (await rooms.restore(room, known, [], "i")).created
    summary = await rooms.summary(room)
    assert summary is not None
    assert summary.empty_for_ms is not None
    assert all(ttl > 0 for ttl in (await ttls(redis, room)).values())
    assert await rooms.end(room, "empty", only_if_empty_for_ms=0) is not None


@pytest.mark.parametrize("index", [0, 1, 2])
async def test_a_half_lost_state_counts_as_lost(redis: Redis, rooms: RoomState, index: int) -> None:
    room = new_room()
    joined = await join(rooms, room, new_user())
    await join(rooms, room, new_user())
    me = joined.participant
    gone = keys.room_keys(room)[index]
    await redis.call(gone, "DEL", gone)
    assert await rooms.leave(room, me.user_id, me.connection_id, "left") is None
    assert await rooms.keep_alive(room, me.user_id, me.connection_id, joined.incarnation) is KeptAlive.LOST
    assert await rooms.summary(room) is None
    known = KnownRoom(region="us-east-1", node=None, session_id=joined.session_id, recording=None)
    assert (await rooms.restore(room, known, [me], "again")).created
    assert await counts(redis, room) == (1, 1, 1)
    assert all(ttl > 0 for ttl in (await ttls(redis, room)).values())


async def test_a_room_moves_from_the_node_it_is_on_only(rooms: RoomState) -> None:
    room = new_room()
    assert (await join(rooms, room, new_user(), node=None)).node is None
    assert await rooms.move(room, None, NodeId("node-1"))
    assert not await rooms.move(room, None, NodeId("node-2"))
    assert await rooms.move(room, NodeId("node-1"), NodeId("node-2"))
    summary = await rooms.summary(room)
    assert summary is not None
    assert (summary.node, summary.region) == ("node-2", "us-east-1")


async def test_a_recording_that_is_over_never_begins_again(rooms: RoomState) -> None:
    room, one, two = new_room(), RecordingId(new_uuid()), RecordingId(new_uuid())
    session = (await join(rooms, room, new_user())).session_id
    for _ in range(2):
        assert await rooms.begin_recording(room, one, session) is Begun.BEGUN
    assert (await join(rooms, room, new_user())).recording == one
    assert await rooms.begin_recording(room, two, SessionId("another")) is Begun.NO_MEETING
    assert await rooms.begin_recording(room, two, session) is Begun.BEGUN  # in place of the other
    assert await rooms.begin_recording(room, one, session) is Begun.OVER
    for _ in range(2):
        assert await rooms.end_recording(room, two) == RecordingOver(NodeId("node-1"))
    assert await rooms.begin_recording(room, two, session) is Begun.OVER
    late = RecordingId(new_uuid())
    assert await rooms.end_recording(room, late) is not None
    assert await rooms.begin_recording(room, late, session) is Begun.OVER
    assert (await join(rooms, room, new_user())).recording is None


async def test_a_state_made_again_knows_the_recording(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    placement = Placement(
        region="r", node=None, session_id=SessionId("s"), recording=RecordingId("one"), incarnation="i"
    )
    seat = JoinSeat(
        user_id=new_user(),
        connection_id=new_connection(),
        display_name="Ada",
        role="host",
        is_muted=False,
        is_video_on=False,
        seat=SeatId("seat"),
        resume="r",
    )
    joined = await rooms.join(room, seat, max_participants=2, admitted_at_ms=now_ms(), placement=placement)
    assert joined.recording == "one"
    name = keys.room(room)
    assert await redis.call(name, "HMGET", name, "isRecording", "recordingId") == [b"true", b"one"]


async def test_who_opted_out_stays_out(rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user, recording_opt_out=True)
    assert joined.participant.recording_opt_out
    mine = (room, user, joined.participant.connection_id, joined.incarnation)
    assert await rooms.set_recording_opt_out(*mine, False)
    assert not await rooms.set_recording_opt_out(*mine, False)
    assert await rooms.set_recording_opt_out(*mine, True)
    again = await join(rooms, room, user)
    assert again.participant.recording_opt_out  # the seat is taken over with its state
    assert again.participant.seat != joined.participant.seat


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


def said(number: int, text: str = "hi", to: str | None = None) -> ChatMessage:
    return ChatMessage(
        id=f"m-{number}",
        user_id="ann",
        display_name="Ann",
        text=text,
        sent_at="then",
        private=to is not None,
        target_user_id=to,
    )


async def test_chat_is_kept_up_to_a_number_and_a_size(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    session = (await join(rooms, room, new_user())).session_id
    for first in range(0, 300, 50):
        assert await rooms.keep_chat(room, session, [said(number) for number in range(first, first + 50)])
    kept = (await rooms.chat(room, session)).messages
    assert [message.id for message in kept] == [f"m-{number}" for number in range(100, 300)]
    assert await rooms.keep_chat(room, session, [said(number, "ü" * 2000) for number in range(300, 350)])
    kept = (await rooms.chat(room, session)).messages
    assert [message.id for message in kept] == [f"m-{number}" for number in range(350 - len(kept), 350)]
    assert 128 * 1024 - 4200 < sum(len(msgspec.json.encode(message)) for message in kept) <= 128 * 1024
    assert len(await redis.call(keys.chat(room), "HKEYS", keys.chat(room))) == 4 + 2 * len(kept)
    for number in range(1000):  # what is reacted counts too
        await rooms.react(room, session, "m-349", UserId(f"{number:036}"), "❤️")
    kept = (await rooms.chat(room, session)).messages
    assert len(kept[-1].reactions) == 1000
    assert sum(len(msgspec.json.encode(message)) for message in kept) <= 128 * 1024


async def test_chat_is_kept_once_and_for_its_session_only(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    session = (await join(rooms, room, new_user())).session_id
    for _ in range(2):
        assert await rooms.keep_chat(room, session, [said(1), said(2)])
    assert [message.id for message in (await rooms.chat(room, session)).messages] == ["m-1", "m-2"]
    assert set(await ttls(redis, room)) == {*keys.room_keys(room)[:3], keys.chat(room)}
    assert all(0 < ttl <= TTL_MS for ttl in (await ttls(redis, room)).values())
    other = SessionId("another")
    assert not await rooms.keep_chat(room, other, [said(3)])
    assert (await rooms.chat(room, other)).messages == []
    await redis.call(keys.room(room), "DEL", keys.room(room))
    await join(rooms, room, new_user(), session="another")
    assert (await rooms.chat(room, session)).messages == []
    assert await rooms.react(room, session, "m-1", UserId("ann"), "👍") is None


async def test_chat_survives_the_loss_of_another_key(redis: Redis, rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    session = (await join(rooms, room, user)).session_id
    await rooms.keep_chat(room, session, [said(1)])
    await redis.call(keys.room(room), "DEL", keys.room(room))
    await join(rooms, room, user, session=session)
    assert [message.id for message in (await rooms.chat(room, session)).messages] == ["m-1"]


async def test_a_private_message_is_reacted_to_by_the_two(rooms: RoomState) -> None:
    room = new_room()
    session = (await join(rooms, room, new_user())).session_id
    await rooms.keep_chat(room, session, [said(1, to="bob")])
    assert await rooms.react(room, session, "m-1", UserId("eve"), "👍") is None
    between = (UserId("ann"), UserId("bob"))
    assert await rooms.react(room, session, "m-1", UserId("bob"), "👍") == Reacted(is_new=True, between=between)
    assert await rooms.react(room, session, "m-1", UserId("bob"), "👍") == Reacted(is_new=False, between=between)
