"""What is kept of the chat, on a real Redis 7, Valkey and Redis Cluster."""

from __future__ import annotations

import msgspec

from tertulia.contract.events import ChatMessage
from tertulia.ids import SessionId, UserId
from tertulia.redis.client import Redis
from tertulia.room.answers import Reacted
from tertulia.state import keys
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import (
    TTL_MS,
    join,
    new_room,
    new_user,
    ttls,
)


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
