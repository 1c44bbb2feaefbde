"""Invites."""

from __future__ import annotations

import time

from tertulia.contract import CreateInvite, InviteView
from tertulia.rest.operation import Answer, Call
from tertulia.rest.targets import OfRoom
from tertulia.times import from_seconds, rfc3339


async def create(call: Call[CreateInvite], about: OfRoom) -> Answer:
    """An invite, and the address of the page for whoever holds it."""
    room = about.room
    issued = call.services.keyring.tokens.issue_invite(
        invite_id=call.asked.made_id,
        room_id=room.id,
        role=call.body.role,
        tenant_id=room.tenant_id,
        now=time.time(),
        lifetime=call.body.expires_in,
    )
    view = InviteView(
        invite_token=issued.token,
        url=call.base.invite(room.id, issued.token),
        expires_at=rfc3339(from_seconds(issued.expires_at)),
    )
    return Answer(201, view)
