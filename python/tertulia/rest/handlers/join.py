"""Joining a room: the token for it, and where to go with it."""

from __future__ import annotations

import time

from tertulia.contract import JoinGrant, JoinRequest, Role
from tertulia.db.directory import GUEST_NAME
from tertulia.errors import RoomFull
from tertulia.rest.callers import Caller, Invitee, Member
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.rules import check_invited
from tertulia.rest.targets import Joiner
from tertulia.room.permissions import check_role
from tertulia.times import from_seconds, rfc3339
from tertulia.tokens import Issued


async def check(asked: Asked[JoinRequest], joiner: Joiner) -> None:
    """Raises RoleNotAllowed, RoomFull (early advice: JoinRoom decides)."""
    room = joiner.room
    check_role(room.settings, role_of(asked.caller, joiner), joiner.user_id == room.host_user_id)
    most = room.settings.max_participants
    count = await asked.reads.participant_count(room.id)
    if count is None or count < most:
        return
    if not await asked.reads.is_in_meeting(room.id, joiner.user_id):
        raise RoomFull(f"the room has its {most} participants; try again when somebody has left")


async def join(call: Call[JoinRequest], joiner: Joiner) -> Answer:
    """A room token for the user, and where to go with it."""
    services = call.services
    name = call.body.display_name or (joiner.known.display_name if joiner.known else GUEST_NAME)
    issued = _issue(call, joiner, name)
    ice_servers = await services.ice.servers(joiner.user_id, issued.expires_at)
    await _ensure_user(call, joiner, name)
    grant = JoinGrant(
        token=issued.token,
        ice_servers=ice_servers,
        ws_url=call.base.ws_url,
        hub_url=call.base.hub_url,
        expires_at=rfc3339(from_seconds(issued.expires_at)),
    )
    return Answer(200, grant)


def role_of(caller: Caller, joiner: Joiner) -> Role:
    """The host joins as host, everyone else as attendee, unless an invite (or the token it led to) says host."""
    if joiner.user_id == joiner.room.host_user_id:
        return "host"
    if isinstance(caller, Invitee | Member):
        return caller.claims.role
    return "attendee"


def _issue(call: Call[JoinRequest], joiner: Joiner, name: str) -> Issued:
    return call.services.keyring.tokens.issue_room(
        user_id=joiner.user_id,
        room_id=joiner.room.id,
        role=role_of(call.caller, joiner),
        tenant_id=call.caller.tenant_id,
        display_name=name,
        region=call.body.region or None,
        now=time.time(),
    )


async def _ensure_user(call: Call[JoinRequest], joiner: Joiner, name: str) -> None:
    """Make the user if it is not known. Raises Forbidden: another invite has made it in the meantime."""
    services, caller = call.services, call.caller
    invite_id = caller.claims.invite_id if isinstance(caller, Invitee) else None
    user = await services.directory.ensure_user(caller.tenant_id, joiner.user_id, services.now(), name, invite_id)
    if isinstance(caller, Invitee):
        check_invited(caller, user)
