"""Who is in a room, and when it met."""

from __future__ import annotations

from tertulia.errors import NotFound
from tertulia.ids import UserId
from tertulia.rest.callers import must_belong, must_host
from tertulia.rest.operation import Answer, Call
from tertulia.rest.rooms import room_of
from tertulia.rest.views import session_view


async def list_participants(call: Call) -> Answer:
    """In the order in which they came."""
    room = await room_of(call)
    must_belong(call.caller, room.id)
    call.admit()
    members = await call.services.rooms.participants(room.id)
    return Answer(200, [member.view() for member in sorted(members, key=lambda m: (m.joined_at, m.user_id))])


async def remove_participant(call: Call) -> Answer:
    """Puts one out, and voids their tokens for this session."""
    room = await room_of(call)
    user_id = UserId(call.id("user_id"))
    if await call.services.rooms.participant(room.id, user_id) is None:
        raise NotFound(f"{user_id} is not in the room")
    must_host(call.caller, room.id)
    call.admit()
    await call.services.hub.remove_participant(room.id, user_id)
    return Answer(204)


async def list_sessions(call: Call) -> Answer:
    room = await room_of(call)
    must_host(call.caller, room.id)
    call.admit()
    return Answer(200, [session_view(session) for session in await call.services.directory.sessions(room.id)])
