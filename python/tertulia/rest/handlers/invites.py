"""Invites."""

from __future__ import annotations

import math

from msgspec import UNSET

from tertulia import times
from tertulia.contract import CreateInvite, InviteCreated
from tertulia.db.models import Invite
from tertulia.ids import UserId
from tertulia.rest.callers import Caller, Member, Owner
from tertulia.rest.operation import Answer, Call
from tertulia.rest.targets import OfInvite, OfRoom
from tertulia.rest.views import invite_view
from tertulia.times import from_seconds, rfc3339
from tertulia.tokens import Admission


async def create(call: Call[CreateInvite], about: OfRoom) -> Answer:
    """An invite, and the address of the page for whoever holds it."""
    services, room = call.services, about.room
    invite = await services.invites.create(_new(call, about))
    issued = (await services.keyring.issuing(room.tenant_id)).issue_invite(
        invite_id=invite.id,
        room_id=room.id,
        role=invite.role,
        tenant_id=room.tenant_id,
        now=invite.created_at.timestamp(),
        lifetime=call.body.expires_in,
    )
    view = InviteCreated(
        invite_token=issued.token,
        url=call.base.invite(room.id, issued.token),
        expires_at=rfc3339(from_seconds(issued.expires_at)),
        id=invite.id,
    )
    return Answer(201, view)


async def list_invites(call: Call[None], about: OfRoom) -> Answer:
    """The room's invites that still admit, or have admitted as many as they may."""
    found = await call.services.invites.of_room(about.room.id, call.services.now())
    return Answer(200, [invite_view(invite) for invite in found])


async def delete(call: Call[None], about: OfInvite) -> Answer:
    """Keeps out whoever has not joined by it yet."""
    await call.services.invites.revoke(about.invite.id, call.services.now())
    return Answer(204)


def _new(call: Call[CreateInvite], about: OfRoom) -> Invite:
    now, body = call.services.clock.now(), call.body
    user_id, admission = _maker(call.caller)
    return Invite(
        id=call.asked.made_id,
        room_id=about.room.id,
        role=body.role,
        made_by=user_id,
        maker_admitted_at=times.from_ms(admission.at_ms) if admission else None,
        key_id=call.caller.key_id if isinstance(call.caller, Owner) else admission.key_id if admission else None,
        created_at=from_seconds(now),
        expires_at=from_seconds(math.floor(now) + body.expires_in),
        max_uses=None if body.max_uses is UNSET else body.max_uses,
        uses=0,
        revoked_at=None,
    )


def _maker(caller: Caller) -> tuple[UserId | None, Admission | None]:
    """The member who makes an invite, and the admission that their token goes back to."""
    return (caller.claims.user_id, caller.claims.admission) if isinstance(caller, Member) else (None, None)
