"""Who is in a room, and when it met."""

from __future__ import annotations

from tertulia.contract.requests import RemovalQuery
from tertulia.rest.operation import Answer, Call
from tertulia.rest.targets import OfParticipant, OfRoom
from tertulia.rest.views import session_view


async def list_participants(call: Call[None], about: OfRoom) -> Answer:
    """The participants, in the order in which they joined."""
    members = await call.services.rooms.participants(about.room.id)
    return Answer(200, [member.view() for member in sorted(members, key=lambda m: (m.joined_at, m.user_id))])


async def remove_participant(call: Call[RemovalQuery], about: OfParticipant) -> Answer:
    """Removes one from the meeting and voids their tokens for it; with ``ban`` a guest's for good."""
    services, bans = call.services, call.body.ban == "true"
    if bans:
        await services.invites.ban(about.room.tenant_id, about.user_id, services.now())
    await services.hub.remove_participant(about.room.id, about.user_id, ban=bans)
    return Answer(204)


async def list_sessions(call: Call[None], about: OfRoom) -> Answer:
    """The room's meetings, newest first."""
    return Answer(200, [session_view(session) for session in await call.services.directory.sessions(about.room.id)])
