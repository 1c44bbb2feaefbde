"""Rooms: create, list, read, change, delete, end."""

from __future__ import annotations

import math
from datetime import datetime

from msgspec import UNSET, UnsetType

from tertulia.contract.answers import RoomCreated, RoomList
from tertulia.contract.requests import ChangeRoom, CreateRoom, RoomQuery
from tertulia.contract.settings import Settings
from tertulia.db.directory import GUEST_NAME
from tertulia.db.paging import Position, read_cursor
from tertulia.ids import RoomId
from tertulia.rest import targets
from tertulia.rest.callers import Owner, SignedIn
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.targets import NewRoom, OfRoom
from tertulia.rest.views import room_view
from tertulia.times import from_rfc3339, from_seconds, rfc3339
from tertulia.tokens import JOIN_TOKEN_SECONDS, Admission


class RoomChange(OfRoom, frozen=True):
    """A room, and when its meeting is to begin from now on; UNSET: as before."""

    scheduled_for: datetime | UnsetType | None


async def find_new(asked: Asked[CreateRoom]) -> NewRoom:
    """Who is to host it, and when its meeting is to begin."""
    at = asked.body.scheduled_for
    scheduled_for = None if at is UNSET else from_rfc3339(at)
    return NewRoom(await targets.host(asked), scheduled_for)


async def find_changed(asked: Asked[ChangeRoom]) -> RoomChange:
    """Raises NotFound."""
    at = asked.body.scheduled_for
    scheduled_for = from_rfc3339(at) if isinstance(at, str) else at
    return RoomChange((await targets.room(asked)).room, scheduled_for)


async def check(asked: Asked[CreateRoom], new: NewRoom) -> None:
    """Raises QuotaExceeded; AlreadyExists: a guest cannot host a room."""
    await asked.reads.check_room_is_within_quota(asked.caller.tenant_id, RoomId(asked.made_id))
    if new.host.known is not None:
        targets.check_not_guest(new.host.known, "hostId")


async def create(call: Call[CreateRoom], new: NewRoom) -> Answer:
    """The room, and a joinToken: its host's, or for who is signed in their own."""
    services, tenant, host = call.services, call.caller.tenant_id, new.host
    holder = call.caller.sign_in.user if isinstance(call.caller, SignedIn) else host.known
    settings = Settings().merged(call.body.settings)
    room_id = RoomId(call.asked.made_id)
    room = await services.directory.create_room(
        tenant,
        room_id,
        host.user_id,
        settings,
        services.now(),
        title=call.body.title or None,
        scheduled_for=new.scheduled_for,
    )
    now = services.clock.now()
    key_id = call.caller.key_id if isinstance(call.caller, Owner) else None
    issued = (await services.keyring.issuing(tenant)).issue_room(
        user_id=holder.id if holder else host.user_id,
        room_id=room.id,
        role="host",
        tenant_id=tenant,
        display_name=holder.display_name if holder else GUEST_NAME,
        admission=Admission(math.floor(now * 1000), key_id=key_id),
        now=now,
        lifetime=JOIN_TOKEN_SECONDS,
    )
    expires_at = rfc3339(from_seconds(issued.expires_at))
    return Answer(201, RoomCreated(room_id=room.id, join_token=issued.token, expires_at=expires_at))


async def find_page(asked: Asked[RoomQuery]) -> Position | None:
    """Where the page begins; None: at the newest room. Raises Invalid: no page gave that cursor."""
    return read_cursor(asked.body.cursor) if asked.body.cursor else None


async def list_page(call: Call[RoomQuery], after: Position | None) -> Answer:
    """One page of the tenant's rooms, or of the caller's own."""
    query, caller = call.body, call.caller
    host = caller.user_id if isinstance(caller, SignedIn) and not caller.is_administrator else None
    page = await call.services.directory.list_rooms(
        caller.tenant_id, status=query.status or None, host=host, limit=query.limit, after=after
    )
    return Answer(200, RoomList(items=[room_view(room) for room in page.rooms], next=page.next))


async def get(_call: Call[None], about: OfRoom) -> Answer:
    """The room."""
    return Answer(200, room_view(about.room))


async def change(call: Call[ChangeRoom], about: RoomChange) -> Answer:
    """The room as it is now."""
    room = about.room
    changed = await call.services.directory.change_room(
        room.tenant_id, room.id, call.body.settings, title=call.body.title, scheduled_for=about.scheduled_for
    )
    await call.services.hub.settings_changed(room.id, changed.settings)
    return Answer(200, room_view(changed))


async def delete(call: Call[None], about: OfRoom) -> Answer:
    """Ends the meeting, too. Whoever slips in between the end and the deletion is disconnected after it."""
    services, room = call.services, about.room
    await services.hub.end_room(room.id, "deleted")
    await services.directory.delete_room(room.tenant_id, room.id, services.now())
    await services.hub.end_room(room.id, "deleted")
    return Answer(204)


async def end(call: Call[None], about: OfRoom) -> Answer:
    """Ends the meeting."""
    await call.services.hub.end_room(about.room.id, "host")
    return Answer(204)
