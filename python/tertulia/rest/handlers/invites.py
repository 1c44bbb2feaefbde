"""Invites."""

from __future__ import annotations

import math
from datetime import datetime
from typing import NamedTuple, cast

from msgspec import UNSET, UnsetType

from tertulia import times
from tertulia.contract.answers import InviteCreated, InviteOpened
from tertulia.contract.requests import CreateInvite, OpenInvite
from tertulia.db.models import Invite, Room
from tertulia.errors import FieldError, Invalid, PasswordRequired
from tertulia.ids import TenantId, UserId
from tertulia.rest.calendar import calendar
from tertulia.rest.callers import Caller, CodeHolder, Member, Owner, SignedIn
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.services import Services
from tertulia.rest.targets import OfInvite, OfRoom
from tertulia.rest.views import invite_view
from tertulia.times import from_rfc3339, from_seconds, rfc3339
from tertulia.tokens import Admission, Issued


class _Event(NamedTuple):
    title: str
    starts_at: datetime
    minutes: int


async def check_event(asked: Asked[CreateInvite], about: OfRoom) -> None:
    """Raises Invalid: the event has no title or no time, and the room has none either."""
    _event(asked.body, about.room)


async def create(call: Call[CreateInvite], about: OfRoom) -> Answer:
    """An invite, and the address of the page for whoever holds it."""
    services, room, password = call.services, about.room, call.body.password
    code = services.codes.new(call.asked.made_id)
    hashed = None if password is UNSET else await services.passwords.hash(password)
    invite = await services.invites.create(_new(call, about, code.hash, hashed))
    url = call.base.meeting(services.codes.of(invite) or code.text)
    issued = await _issue(services, invite, room.tenant_id)
    view = InviteCreated(
        invite_token=issued.token,
        url=url,
        expires_at=rfc3339(from_seconds(issued.expires_at)),
        id=invite.id,
        calendar=_calendar(call, invite, room, url),
    )
    return Answer(201, view)


async def open_by_code(call: Call[OpenInvite], about: OfRoom) -> Answer:
    """The room and the token to join it with.

    Raises:
        PasswordRequired, WrongPassword, RateLimited
    """
    services, caller, password = call.services, cast("CodeHolder", call.caller), call.body.password
    invite = caller.invite
    if invite.password_hash is not None:
        if password is UNSET:
            raise PasswordRequired("this link asks for a password: send it as `password`")
        await services.passwords.check(password, invite.password_hash, invite.id, call.asked.site)
    issued = await _issue(services, invite, caller.tenant_id)
    view = InviteOpened(
        room_id=about.room.id,
        role=invite.role,
        invite_token=issued.token,
        expires_at=rfc3339(from_seconds(issued.expires_at)),
    )
    return Answer(200, view)


async def list_invites(call: Call[None], about: OfRoom) -> Answer:
    """The room's invites that still admit, or have admitted as many as they may."""
    found = await call.services.invites.of_room(about.room.id, call.services.now())
    codes = [(invite, call.services.codes.of(invite)) for invite in found]
    return Answer(200, [invite_view(invite, call.base.meeting(code) if code else None) for invite, code in codes])


async def delete(call: Call[None], about: OfInvite) -> Answer:
    """Keeps out whoever has not joined by it yet."""
    await call.services.invites.revoke(about.invite.id, call.services.now())
    return Answer(204)


async def _issue(services: Services, invite: Invite, tenant_id: TenantId) -> Issued:
    """The same token each time."""
    made_at = invite.created_at.timestamp()
    return (await services.keyring.issuing(tenant_id)).issue_invite(
        invite_id=invite.id,
        room_id=invite.room_id,
        role=invite.role,
        tenant_id=tenant_id,
        now=made_at,
        lifetime=math.floor(invite.expires_at.timestamp()) - math.floor(made_at),
    )


def _event(body: CreateInvite, room: Room) -> _Event | None:
    """What goes into the calendar; None: nothing. Raises Invalid."""
    event = body.event
    if event is UNSET:
        return None
    title = room.title if event.title is UNSET else event.title
    starts_at = room.scheduled_for if event.starts_at is UNSET else from_rfc3339(event.starts_at)
    missing = [("event.title", title is None), ("event.startsAt", starts_at is None)]
    if title is None or starts_at is None:
        raise Invalid([FieldError(field, "is required: the room has none") for field, lacks in missing if lacks])
    return _Event(title, starts_at, event.minutes)


def _calendar(call: Call[CreateInvite], invite: Invite, room: Room, url: str) -> str | UnsetType:
    event = _event(call.body, room)
    if event is None:
        return UNSET
    return calendar(invite.id, event.title, url, event.starts_at, event.minutes, call.services.now())


def _new(call: Call[CreateInvite], about: OfRoom, code_hash: bytes, password_hash: str | None) -> Invite:
    now, body = call.services.clock.now(), call.body
    user_id, admission = _maker(call.caller)
    # Who is signed in has no token: what they make goes back to the moment in which they make it.
    admitted_at = times.from_ms(admission.at_ms) if admission else from_seconds(now) if user_id else None
    return Invite(
        id=call.asked.made_id,
        room_id=about.room.id,
        role=body.role,
        made_by=user_id,
        maker_admitted_at=admitted_at,
        key_id=call.caller.key_id if isinstance(call.caller, Owner) else admission.key_id if admission else None,
        created_at=from_seconds(now),
        expires_at=from_seconds(math.floor(now) + body.expires_in),
        max_uses=None if body.max_uses is UNSET else body.max_uses,
        uses=0,
        revoked_at=None,
        code_hash=code_hash,
        password_hash=password_hash,
    )


def _maker(caller: Caller) -> tuple[UserId | None, Admission | None]:
    """The user who makes an invite, and the admission that their token goes back to, if they have one."""
    if isinstance(caller, SignedIn):
        return caller.user_id, None
    return (caller.claims.user_id, caller.claims.admission) if isinstance(caller, Member) else (None, None)
