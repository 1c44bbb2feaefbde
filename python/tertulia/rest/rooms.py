"""Rooms: create, read, list, change, delete, end."""

from __future__ import annotations

import time
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from tertulia.contract import ChangeRoom, CreateRoom, RoomCreated, RoomList, RoomStatus, Settings, Wire
from tertulia.db.directory import GUEST_NAME, read_cursor
from tertulia.db.models import Room
from tertulia.ids import RoomId, UserId
from tertulia.rest.callers import must_belong, must_host, must_own
from tertulia.rest.operation import Answer, Call
from tertulia.rest.views import room_view
from tertulia.times import from_seconds, rfc3339
from tertulia.tokens import JOIN_TOKEN_SECONDS


class RoomQuery(Wire, frozen=True):
    """The query of GET /v1/rooms."""

    status: RoomStatus | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType = UNSET


async def room_of(call: Call) -> Room:
    """The room of the path. Raises NotFound: none of the caller's tenant."""
    return await call.services.directory.room(RoomId(call.id("room_id")), call.caller.tenant_id)


async def create_room(call: Call) -> Answer:
    """The room and its host's joinToken."""
    body: CreateRoom = call.body
    services, tenant = call.services, call.caller.tenant_id
    host = UserId(body.host_id.lower())
    known = await services.directory.find_user(tenant, host)
    must_own(call.caller)
    call.admit()
    settings = Settings().merged(body.settings)
    room = await services.directory.create_room(tenant, RoomId(call.made_id()), host, settings, services.now())
    issued = services.keyring.tokens.issue_room(
        user_id=host,
        room_id=room.id,
        role="host",
        tenant_id=tenant,
        display_name=known.display_name if known else GUEST_NAME,
        now=time.time(),
        lifetime=JOIN_TOKEN_SECONDS,
    )
    expires_at = rfc3339(from_seconds(issued.expires_at))
    return Answer(201, RoomCreated(room_id=room.id, join_token=issued.token, expires_at=expires_at))


async def list_rooms(call: Call) -> Answer:
    query: RoomQuery = call.body
    after = read_cursor(query.cursor) if query.cursor else None
    must_own(call.caller)
    call.admit()
    page = await call.services.directory.list_rooms(
        call.caller.tenant_id,
        status=query.status or None,
        limit=query.limit,
        after=after,
    )
    return Answer(200, RoomList(items=[room_view(room) for room in page.rooms], next=page.next))


async def get_room(call: Call) -> Answer:
    room = await room_of(call)
    must_belong(call.caller, room.id)
    call.admit()
    return Answer(200, room_view(room))


async def change_room(call: Call) -> Answer:
    body: ChangeRoom = call.body
    room = await room_of(call)
    must_host(call.caller, room.id)
    call.admit()
    changed = await call.services.directory.change_settings(call.caller.tenant_id, room.id, body.settings)
    return Answer(200, room_view(changed))


async def delete_room(call: Call) -> Answer:
    """Ends a meeting that is on, too. Whoever slips in between the end and the deletion is let go after it."""
    room = await room_of(call)
    must_host(call.caller, room.id)
    call.admit()
    await call.services.hub.end_room(room.id, "deleted")
    await call.services.directory.delete_room(call.caller.tenant_id, room.id)
    await call.services.hub.end_room(room.id, "deleted")
    return Answer(204)


async def end_room(call: Call) -> Answer:
    room = await room_of(call)
    must_host(call.caller, room.id)
    call.admit()
    await call.services.hub.end_room(room.id, "ended")
    return Answer(204)
