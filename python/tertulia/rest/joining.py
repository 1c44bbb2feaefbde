"""Joining: room tokens, and the invites that lead to them."""

from __future__ import annotations

import time

from tertulia.contract import CreateInvite, InviteView, JoinGrant, JoinRequest, Role
from tertulia.db.directory import GUEST_NAME
from tertulia.db.models import Room
from tertulia.errors import Forbidden, RoleNotAllowed, RoomFull
from tertulia.ids import UserId
from tertulia.rest.callers import Caller, Invitee, Member, must_host, must_speak_for
from tertulia.rest.links import base_of
from tertulia.rest.operation import Answer, Call
from tertulia.rest.rooms import room_of
from tertulia.times import from_seconds, rfc3339


async def join_room(call: Call) -> Answer:
    """A room token for the user, and where to go with it."""
    body: JoinRequest = call.body
    services, caller = call.services, call.caller
    room = await room_of(call)
    user_id = UserId(body.user_id.lower())
    known = await services.directory.find_user(caller.tenant_id, user_id)
    must_speak_for(caller, room, user_id, known)
    role = role_in(room, user_id, caller)
    check_allowed(room, user_id, role)
    await _check_place(call, room, user_id)
    call.admit()
    name = body.display_name or (known.display_name if known else GUEST_NAME)
    issued = services.keyring.tokens.issue_room(
        user_id=user_id,
        room_id=room.id,
        role=role,
        tenant_id=caller.tenant_id,
        display_name=name,
        region=body.region or None,
        now=time.time(),
    )
    ice_servers = await services.ice.servers(user_id, issued.expires_at)
    invite_id = caller.claims.invite_id if isinstance(caller, Invitee) else None
    user = await services.directory.ensure_user(caller.tenant_id, user_id, services.now(), name, invite_id)
    if invite_id is not None and user.invite_id != invite_id:  # made by another invite since we looked
        raise Forbidden("an invite joins as a user it made itself: send a new userId")
    base = base_of(call.request, services.config.public_url)
    grant = JoinGrant(
        token=issued.token,
        ice_servers=ice_servers,
        ws_url=base.ws_url,
        hub_url=base.hub_url,
        expires_at=rfc3339(from_seconds(issued.expires_at)),
    )
    return Answer(200, grant)


async def create_invite(call: Call) -> Answer:
    """An invite, and the page's address with it."""
    body: CreateInvite = call.body
    room = await room_of(call)
    must_host(call.caller, room.id)
    call.admit()
    issued = call.services.keyring.tokens.issue_invite(
        invite_id=call.made_id(),
        room_id=room.id,
        role=body.role,
        tenant_id=room.tenant_id,
        now=time.time(),
        lifetime=body.expires_in,
    )
    base = base_of(call.request, call.services.config.public_url)
    view = InviteView(
        invite_token=issued.token,
        url=base.invite(room.id, issued.token),
        expires_at=rfc3339(from_seconds(issued.expires_at)),
    )
    return Answer(201, view)


def role_in(room: Room, user_id: UserId, caller: Caller) -> Role:
    """The host joins as host, everyone else as attendee, unless an invite (or the token it led to) says host."""
    if user_id == room.host_user_id:
        return "host"
    if isinstance(caller, Invitee | Member):
        return caller.claims.role
    return "attendee"


def check_allowed(room: Room, user_id: UserId, role: Role) -> None:
    """Raises RoleNotAllowed. The room's own host is always admitted."""
    name = "host" if role == "host" else "guest"
    if user_id != room.host_user_id and name not in room.settings.allowed_roles:
        roles = ", ".join(room.settings.allowed_roles)
        raise RoleNotAllowed(f"this room admits no {name}s: its allowedRoles are {roles}")


async def _check_place(call: Call, room: Room, user_id: UserId) -> None:
    """Raises RoomFull. Early advice: JoinRoom decides."""
    state = await call.services.rooms.summary(room.id)
    most = room.settings.max_participants
    if state is None or state.participant_count < most:
        return
    if await call.services.rooms.participant(room.id, user_id) is None:
        raise RoomFull(f"the room has its {most} participants; try again when somebody has left")
