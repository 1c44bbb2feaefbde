"""How long a room's state lives, how it is lost and restored, on a real Redis 7, Valkey and Redis Cluster."""

from __future__ import annotations

import pytest

from tertulia.errors import NoSession, RoomFull
from tertulia.ids import NodeId, RecordingId, SessionId
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room.answers import KeptAlive
from tertulia.room.messages import (
    NodeMessage,
)
from tertulia.room.steps import KnownRoom
from tertulia.state import keys
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import (
    TTL_MS,
    Inbox,
    age,
    counts,
    hub_state,
    join,
    new_room,
    new_user,
    shorten,
    ttls,
)


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
