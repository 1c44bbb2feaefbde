"""Joining a room: the token for it, and where to go with it."""

from __future__ import annotations

from tertulia.contract.answers import JoinGrant
from tertulia.contract.fields import Role
from tertulia.contract.requests import EntryQuery, EntryView, JoinRequest
from tertulia.db.directory import GUEST_NAME
from tertulia.db.invites import TAKEN
from tertulia.errors import AlreadyExists, FieldError, QuotaExceeded, Refused, RoomLocked, UserRemoved
from tertulia.rest.callers import Caller, Invitee, Member, Owner, SignedIn
from tertulia.rest.handlers.connection_tests import check_no_test
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.targets import Joiner, check_not_guest
from tertulia.room.permissions import entry_of, not_admitted
from tertulia.room.quotas import most_in_room, room_is_full
from tertulia.room.steps import Entry
from tertulia.state.rooms import LOCKED
from tertulia.times import from_seconds, rfc3339
from tertulia.tokens import Admission, Issued


async def entry(call: Call[EntryQuery], joiner: Joiner) -> Answer:
    """Nothing keeps them out."""
    role, room = role_of(call.caller, joiner), joiner.room
    view = EntryView(
        role=role,
        waits=_entry(call.asked, joiner) == "waits" and not await _may_return(call.asked, joiner),
        title=room.title,
        scheduled_for=rfc3339(room.scheduled_for) if room.scheduled_for else None,
    )
    return Answer(200, view)


async def check(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> None:
    """Early advice: JoinRoom decides. Raises UserRemoved, Forbidden, RoleNotAllowed, QuotaExceeded, AlreadyExists,
    RoomLocked, RoomFull."""
    check_no_test(joiner.room)  # its tokens are those that it came with
    await _check_removal(asked, joiner)
    await _check_role(asked, joiner)
    if isinstance(asked.caller, Invitee) and not asked.again:
        await asked.reads.check_uses(asked.caller.claims)
    if joiner.quotas.people is not None:
        seat = (joiner.room.id, joiner.user_id)
        await asked.reads.check_people(asked.caller.tenant_id, seat, joiner.quotas.people)
    full = None if _is_the_host(joiner) else await _full(asked, joiner)
    if isinstance(full, QuotaExceeded):
        raise full
    check_id(asked, joiner)
    await _check_lock(asked, joiner)
    if full is not None:
        raise full


async def _check_removal(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> None:
    """An API key decides who comes back. Where everybody may vouch for themselves, nobody does who was removed."""
    is_anonymous = isinstance(asked.caller, Owner) and asked.caller.key_id is None
    if not is_anonymous or _is_the_host(joiner):
        return
    if await asked.reads.was_removed(joiner.room.id, joiner.user_id):
        raise UserRemoved


def _is_the_host(joiner: Joiner) -> bool:
    return joiner.user_id == joiner.room.host_user_id


def _entry(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> Entry:
    return entry_of(joiner.room.settings, role_of(asked.caller, joiner), _is_the_host(joiner))


async def _check_role(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> None:
    room, user = joiner.room.id, joiner.user_id
    if _entry(asked, joiner) != "closed" or await asked.reads.is_in_meeting(room, user):
        return
    if await asked.reads.given_role(room, user) != "host":
        raise not_admitted(role_of(asked.caller, joiner))


async def _full(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> Refused | None:
    """Why there is no place for them; None: there is one."""
    room = joiner.room
    count = await asked.reads.participant_count(room.id)
    if count is None or count < most_in_room(room.settings, joiner.quotas):
        return None
    if await asked.reads.is_in_meeting(room.id, joiner.user_id):
        return None
    return room_is_full(room.settings, joiner.quotas)


async def _check_lock(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> None:
    if _entry(asked, joiner) == "locked" and not await _may_return(asked, joiner):
        raise RoomLocked(LOCKED)


async def _may_return(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> bool:
    """Whether they are in the meeting, or a host of it has let them in: no waiting room and no lock keeps them out."""
    room, user = joiner.room.id, joiner.user_id
    return await asked.reads.given_role(room, user) is not None or await asked.reads.is_in_meeting(room, user)


def check_id(asked: Asked[JoinRequest] | Asked[EntryQuery], joiner: Joiner) -> None:
    """Keep guests apart from the users for whom the tenant vouches. Raises AlreadyExists."""
    if joiner.known is not None and isinstance(asked.caller, Invitee) and not asked.again:
        raise AlreadyExists([FieldError("userId", TAKEN)])
    if joiner.known is not None and isinstance(asked.caller, Owner):
        check_not_guest(joiner.known, "userId")


async def join(call: Call[JoinRequest], joiner: Joiner) -> Answer:
    """A room token for the user, and where to go with it."""
    services = call.services
    name = call.body.display_name or _name(call.caller, joiner)
    issued = await _issue(call, joiner, name, _admission(call, joiner))
    grant = JoinGrant(
        token=issued.token,
        ice_servers=await services.ice.servers(joiner.user_id, issued.expires_at),
        ws_url=call.base.ws_url,
        hub_url=call.base.hub_url,
        expires_at=rfc3339(from_seconds(issued.expires_at)),
    )
    await _ensure_user(call, joiner, name)  # an invite is used for an answer only
    return Answer(200, grant)


def _name(caller: Caller, joiner: Joiner) -> str:
    """Of who gives none. A token that is renewed keeps the name in it."""
    if isinstance(caller, Member):
        return caller.claims.display_name
    return joiner.known.display_name if joiner.known else GUEST_NAME


def role_of(caller: Caller, joiner: Joiner) -> Role:
    """The host joins as host, everyone else as attendee, unless an invite (or the token it led to) says host, or they
    are signed in as an administrator."""
    if joiner.user_id == joiner.room.host_user_id or isinstance(caller, SignedIn):
        return "host"
    if isinstance(caller, Invitee | Member):
        return caller.claims.role
    return "attendee"


def _admission(call: Call[JoinRequest], joiner: Joiner) -> Admission:
    """A token that is renewed keeps its admission: also if its user is removed before the new one is issued."""
    caller = call.caller
    if isinstance(caller, Member):
        return caller.claims.admission
    key_id = caller.key_id if isinstance(caller, Owner) else None
    return Admission(joiner.at_ms, isinstance(caller, Invitee), key_id)


async def _issue(call: Call[JoinRequest], joiner: Joiner, name: str, admission: Admission) -> Issued:
    renewed = call.caller.claims.region if isinstance(call.caller, Member) else None
    return (await call.services.keyring.issuing(call.caller.tenant_id)).issue_room(
        user_id=joiner.user_id,
        room_id=joiner.room.id,
        role=role_of(call.caller, joiner),
        tenant_id=call.caller.tenant_id,
        display_name=name,
        admission=admission,
        region=call.body.region or renewed,
        now=call.services.clock.now(),
    )


async def _ensure_user(call: Call[JoinRequest], joiner: Joiner, name: str) -> None:
    """Make the user if it is not known. Raises AlreadyExists, Forbidden, BadToken: what an invite may not do."""
    services, caller = call.services, call.caller
    if isinstance(caller, Invitee):
        await services.invites.use(caller.claims, call.asked.made_id, joiner.user_id, name, services.now())
        return
    user = await services.directory.ensure_user(caller.tenant_id, joiner.user_id, services.now(), name)
    if isinstance(caller, Owner):
        check_not_guest(user, "userId")
