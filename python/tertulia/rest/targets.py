"""What requests are about: found by the ids of the path, and of the body where it names a user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from tertulia.contract import CreateRoom, JoinRequest
from tertulia.db.models import Recording, Room, User
from tertulia.errors import NotFound
from tertulia.ids import RecordingId, RoomId, UserId
from tertulia.rest.operation import Asked


class OfRoom(Struct, frozen=True):
    """A room of the caller's tenant."""

    room: Room


class OfParticipant(OfRoom, frozen=True):
    """A participant of the room's meeting."""

    user_id: UserId


class OfRecording(OfRoom, frozen=True):
    """A recording of the room."""

    recording: Recording


class Joiner(OfRoom, frozen=True):
    """A user who is to join the room; ``known`` is their record, if there is one."""

    user_id: UserId
    known: User | None


class Host(Struct, frozen=True):
    """A user who is to host a room; ``known`` is their record, if there is one."""

    user_id: UserId
    known: User | None


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
        raise NotFound(f"{user_id} is not in the room")
    return OfParticipant(found, user_id)


async def recording(asked: Asked[Any]) -> OfRecording:
    """The recording of the path. Raises NotFound."""
    found = (await room(asked)).room
    return OfRecording(found, await asked.reads.recording(found.id, RecordingId(asked.id("recording_id"))))


async def user(asked: Asked[Any]) -> User:
    """The user of the path. Raises NotFound."""
    return await asked.reads.user(asked.caller.tenant_id, UserId(asked.id("user_id")))


async def joiner(asked: Asked[JoinRequest]) -> Joiner:
    """The room of the path and the user of the body. Raises NotFound: it is another tenant's."""
    found = (await room(asked)).room
    user_id = UserId(asked.body.user_id.lower())
    return Joiner(found, user_id, await asked.reads.find_user(asked.caller.tenant_id, user_id))


async def host(asked: Asked[CreateRoom]) -> Host:
    """The host of the body. Raises NotFound: it is another tenant's user."""
    user_id = UserId(asked.body.host_id.lower())
    return Host(user_id, await asked.reads.find_user(asked.caller.tenant_id, user_id))


_BY_IDS: Final[dict[frozenset[str], Callable[[Asked[Any]], Awaitable[object]]]] = {
    frozenset(): nothing,
    frozenset({"room_id"}): room,
    frozenset({"room_id", "user_id"}): participant,
    frozenset({"room_id", "recording_id"}): recording,
    frozenset({"user_id"}): user,
}


async def of_path(asked: Asked[None]) -> object:
    """What the path names, whatever the method. Raises NotFound."""
    return await _BY_IDS[frozenset(asked.path)](asked)
