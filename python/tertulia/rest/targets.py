"""What requests are about: found by the ids of the path, and of the body where it names a user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from tertulia.contract.requests import CreateRoom, EntryQuery, JoinRequest, OpenInvite, RemovalQuery
from tertulia.db.models import Invite, Recording, Room, User
from tertulia.errors import AlreadyExists, FieldError, Forbidden, NotFound
from tertulia.ids import RecordingId, RoomId, UserId
from tertulia.rest.callers import CodeHolder, Member, SignedIn
from tertulia.rest.operation import Asked
from tertulia.room.quotas import Quotas


class OfRoom(Struct, frozen=True):
    """A room of the caller's tenant."""

    room: Room


class OfParticipant(OfRoom, frozen=True):
    """A participant of the room's meeting."""

    user_id: UserId


class OfInvite(OfRoom, frozen=True):
    """An invite to the room."""

    invite: Invite


class OfRecording(OfRoom, frozen=True):
    """A recording of the room."""

    recording: Recording


class Joiner(OfRoom, frozen=True):
    """A user who is to join the room; ``known`` is their record, if there is one."""

    user_id: UserId
    known: User | None
    at_ms: int
    """When the request came, on the clock of Redis: a removal since then voids the token that it gets."""
    quotas: Quotas
    """What the tenant may have."""


class Host(Struct, frozen=True):
    """A user who is to host a room; ``known`` is their record, if there is one."""

    user_id: UserId
    known: User | None


class NewRoom(Struct, frozen=True):
    """What a room is to be: its host, and when its meeting is to begin."""

    host: Host
    scheduled_for: datetime | None


async def nothing(_asked: Asked[Any]) -> None:
    """The request is about the tenant as a whole."""


async def room(asked: Asked[Any]) -> OfRoom:
    """The room of the path. Raises NotFound."""
    return OfRoom(await asked.reads.room(asked.caller.tenant_id, RoomId(asked.id("room_id"))))


async def participant(asked: Asked[Any]) -> OfParticipant:
    """The participant of the path. Raises NotFound."""
    found = (await room(asked)).room
    user_id = UserId(asked.id("user_id"))
    if not await asked.reads.is_in_meeting(found.id, user_id):
        raise NotFound("this user is not in the room")
    return OfParticipant(found, user_id)


async def removable(asked: Asked[RemovalQuery]) -> OfParticipant:
    """The participant of the path; to be banned, also a guest who is not in the meeting. Raises NotFound."""
    if asked.body.ban == "false":
        return await participant(asked)
    found = (await room(asked)).room
    user_id = UserId(asked.id("user_id"))
    if not await asked.reads.is_guest(found.id, user_id):
        return await participant(asked)
    return OfParticipant(found, user_id)


async def invite(asked: Asked[Any]) -> OfInvite:
    """The invite of the path. Raises NotFound."""
    found = (await room(asked)).room
    return OfInvite(found, await asked.reads.invite(found.id, asked.id("invite_id")))


async def opened(asked: Asked[OpenInvite]) -> OfRoom:
    """The room that the caller's code leads to. Raises NotFound; Forbidden: the caller holds none."""
    if not isinstance(asked.caller, CodeHolder):
        raise Forbidden("only the code of an invite may do this")
    return OfRoom(await asked.reads.room(asked.caller.tenant_id, asked.caller.invite.room_id))


async def recording(asked: Asked[Any]) -> OfRecording:
    """The recording of the path. Raises NotFound."""
    found = (await room(asked)).room
    return OfRecording(found, await asked.reads.recording(found.id, RecordingId(asked.id("recording_id"))))


async def user(asked: Asked[Any]) -> User:
    """The user of the path. Raises NotFound."""
    return await asked.reads.user(asked.caller.tenant_id, UserId(asked.id("user_id")))


async def joiner(asked: Asked[JoinRequest]) -> Joiner:
    """The room of the path and the user of the body. Raises NotFound: the room is another tenant's."""
    at_ms = await asked.reads.now_ms(RoomId(asked.id("room_id")))
    return await _joiner(asked, UserId(asked.body.user_id.lower()), at_ms)


async def entrant(asked: Asked[EntryQuery]) -> Joiner:
    """The room of the path, and who would join it: the token's user, the query's, or somebody new. Raises NotFound."""
    return await _joiner(asked, _entrant_id(asked), 0)


async def _joiner(asked: Asked[Any], user_id: UserId, at_ms: int) -> Joiner:
    read = await asked.reads.joining(asked.caller.tenant_id, RoomId(asked.id("room_id")), user_id)
    return Joiner(read.room, user_id, read.user, at_ms, read.quotas)


def _entrant_id(asked: Asked[EntryQuery]) -> UserId:
    if isinstance(asked.caller, Member):
        return asked.caller.claims.user_id
    if isinstance(asked.caller, SignedIn):
        return asked.caller.user_id
    given = asked.body.user_id
    return UserId(given.lower() if isinstance(given, str) else asked.made_id)


async def host(asked: Asked[CreateRoom]) -> Host:
    """The host of the body."""
    user_id = UserId(asked.body.host_id.lower())
    return Host(user_id, await asked.reads.find_user(asked.caller.tenant_id, user_id))


def check_not_guest(user: User, field: str) -> None:
    """Raises AlreadyExists: a tenant vouches for its own users only. ``field``: of the body, that names them."""
    if user.is_guest:
        raise AlreadyExists([FieldError(field, "is a guest's, who came by an invite: use another UUID")])


_BY_IDS: Final[dict[frozenset[str], Callable[[Asked[Any]], Awaitable[object]]]] = {
    frozenset(): nothing,
    frozenset({"room_id"}): room,
    frozenset({"room_id", "user_id"}): participant,
    frozenset({"room_id", "invite_id"}): invite,
    frozenset({"room_id", "recording_id"}): recording,
    frozenset({"user_id"}): user,
}


async def of_path(asked: Asked[None]) -> object:
    """What the path names, whatever the method. Raises NotFound."""
    return await _BY_IDS[frozenset(asked.path)](asked)
