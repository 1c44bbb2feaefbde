"""What the tests of the room state share: calls with the uninteresting arguments filled in, and a look at the keys."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tertulia.ids import ConnectionId, HubId, NodeId, RoomId, SeatId, SessionId, UserId, new_token, new_uuid
from tertulia.redis.client import Redis
from tertulia.room.answers import Joined
from tertulia.room.messages import RoomMessage, decode
from tertulia.room.participant import Removals
from tertulia.room.steps import Entry, JoinSeat, Placement
from tertulia.state import keys
from tertulia.state.rooms import RoomState
from tests.waiting import PATIENCE

TTL_MS = 90_000


def new_room() -> RoomId:
    return RoomId(new_uuid())


def new_user() -> UserId:
    return UserId(new_uuid())


def new_connection() -> ConnectionId:
    return ConnectionId(new_token("c"))


def hub_state(redis: Redis, name: str = "hub-a", ttl_ms: int = TTL_MS) -> RoomState:
    return RoomState(redis, HubId(name), ttl_ms)


def now_ms() -> int:
    return int(time.time() * 1000)


async def join(
    rooms: RoomState,
    room: RoomId,
    user: UserId,
    connection: ConnectionId | None = None,
    *,
    limit: int | None = 100,
    admitted: int | None = None,
    removals: Removals | None = None,
    session: str | None = None,
    region: str = "us-east-1",
    node: str | None = "node-1",
    entry: Entry = "open",
    is_counted: bool = True,
    **seat: Any,
) -> Joined:
    """Join, as a muted attendee called Ada unless told."""
    given = {"display_name": "Ada", "role": "attendee", "is_muted": True, "is_video_on": False}
    given |= {"seat": SeatId(new_token("s")), "resume": new_token("r")} | seat
    return await rooms.join(
        room,
        JoinSeat(user_id=user, connection_id=connection or new_connection(), **given),  # type: ignore[arg-type]
        max_participants=limit,
        admitted_at_ms=now_ms() if admitted is None else admitted,
        placement=Placement(
            region=region,
            node=None if node is None else NodeId(node),
            session_id=SessionId(session or new_uuid()),
            removals=removals or {},
            incarnation=new_token("i"),
        ),
        entry=entry,
        is_counted=is_counted,
    )


async def counts(redis: Redis, room: RoomId) -> tuple[int, int, int]:
    """participantCount, the size of the participants hash, and of ``seen``."""
    name, people, seen, *_ = keys.room_keys(room)
    count, length, cards = await asyncio.gather(
        redis.call(name, "HGET", name, "participantCount"),
        redis.call(people, "HLEN", people),
        redis.call(seen, "ZCARD", seen),
    )
    return int(count or 0), length, cards


async def ttls(redis: Redis, room: RoomId) -> dict[str, int]:
    """Key → PTTL (-1: none), of the keys of the room that exist."""
    names = keys.room_keys(room)
    found = await asyncio.gather(*(redis.call(name, "PTTL", name) for name in names))
    return {name: ttl for name, ttl in zip(names, found, strict=True) if ttl != -2}


async def shorten(redis: Redis, room: RoomId, ttl_ms: int) -> None:
    """Let the room's keys look as if they had not been refreshed for long."""
    for name in keys.room_keys(room):
        await redis.call(name, "PEXPIRE", name, str(ttl_ms))


async def age(redis: Redis, room: RoomId, user: UserId, ms: int) -> None:
    """Let the seat look as if it had been silent for ``ms``."""
    seen = keys.seen(room)
    await redis.call(seen, "ZINCRBY", seen, str(-ms), user)


class Inbox:
    """The room messages that came on a channel."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[RoomMessage] = asyncio.Queue()
        self.gaps: asyncio.Queue[None] = asyncio.Queue()

    def on_message(self, data: bytes) -> None:
        self.messages.put_nowait(decode(data))

    def on_gap(self) -> None:
        self.gaps.put_nowait(None)

    async def next(self) -> RoomMessage:
        return await asyncio.wait_for(self.messages.get(), PATIENCE)
