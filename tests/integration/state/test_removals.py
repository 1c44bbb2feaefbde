"""Who was removed stays out, on a real Redis 7, Valkey and Redis Cluster."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from tertulia.contract.calls import Permissions
from tertulia.errors import BadToken
from tertulia.ids import SessionId
from tertulia.redis.client import Redis
from tertulia.room.answers import MustWait
from tertulia.room.steps import KnownRoom
from tertulia.state import keys
from tertulia.state.rooms import RoomState
from tertulia.times import from_ms, rfc3339
from tests.integration.state.rooms import (
    TTL_MS,
    join,
    new_room,
    new_user,
    now_ms,
    ttls,
)


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


async def test_with_the_seat_goes_what_a_host_had_made_of_the_user(redis: Redis, rooms: RoomState) -> None:
    room, user, waits = new_room(), new_user(), new_user()
    incarnation = (await join(rooms, room, new_user())).incarnation
    await join(rooms, room, user)
    muted = Permissions(unmute=False)
    await rooms.control(room, user, incarnation, role="host", lowers_hand=False, is_spotlit=None, permissions=muted)
    await rooms.admit(room, [waits], incarnation)
    for removed in (user, waits):
        await rooms.remove(room, removed)
        assert await rooms.role(room, removed) is None
        with pytest.raises(MustWait):
            await join(rooms, room, removed, admitted=now_ms() + 1000, entry="waits")
    again = (await join(rooms, room, user, admitted=now_ms() + 1000)).participant
    assert (again.role, again.permissions) == ("attendee", muted)


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


async def test_a_removal_that_is_done_again_spares_who_was_let_in_since(redis: Redis, rooms: RoomState) -> None:
    room, user, slipped_in = new_room(), new_user(), new_user()
    await join(rooms, room, new_user(), session="s")
    done_at = (await rooms.remove(room, user)).at_ms
    await rooms.remove(room, slipped_in)
    await redis.call(keys.removed(room), "DEL", keys.removed(room))  # a single key may be evicted
    await join(rooms, room, user, admitted=done_at + 1, session="s")
    await join(rooms, room, slipped_in, admitted=done_at, session="s")
    again = await rooms.remove(room, user, SessionId("s"), done_at)
    assert (again.at_ms, again.session_id, again.left) == (done_at, SessionId("s"), None)
    assert await rooms.is_void(room, user, done_at)
    assert not await rooms.is_void(room, user, done_at + 1)
    # Whoever came by what the removal voids, as long as it was lost, is removed.
    left = (await rooms.remove(room, slipped_in, SessionId("s"), done_at)).left
    assert left
    assert left.participant.user_id == slipped_in
    assert (await rooms.remove(room, user, SessionId("s"), done_at)).session_id is None
    assert user in [member.user_id for member in await rooms.participants(room)]


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
