"""Who calls, by which credential, and what that credential lets them do."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct
from starlette.requests import Request

from tertulia.config import is_loopback
from tertulia.db.access import KEY_PREFIX, Access
from tertulia.db.keyring import Keyring
from tertulia.db.models import Room, User
from tertulia.errors import BadToken, Forbidden, Unauthorized
from tertulia.ids import RoomId, TenantId, UserId
from tertulia.state.rooms import RoomState
from tertulia.tokens import InviteClaims, RoomClaims, kind_of

_BEARER: Final = re.compile(r"bearer +([\x21-\x7e]+) *", re.IGNORECASE)
_UNKNOWN_KEY: Final = "the API key is not known, or was revoked"


class Caller(Struct, frozen=True):
    """An authorised caller. ``name`` is the same for the same credential: what idempotency and rate limits go by."""

    tenant_id: TenantId
    name: str


class Owner(Caller, frozen=True):
    """Holds an API key of the tenant, or calls an open development server: may do everything in the tenant."""


class Member(Caller, frozen=True):
    """Holds a room token: speaks for one user in one room."""

    claims: RoomClaims


class Invitee(Caller, frozen=True):
    """Holds an invite: may join one room, as a user it makes itself."""

    claims: InviteClaims


class Callers:
    """Finds out who calls.

    ``open_tenant``: the tenant of those who bring no credential, on an open development server; None elsewhere.
    """

    def __init__(self, access: Access, keyring: Keyring, rooms: RoomState, open_tenant: TenantId | None) -> None:
        self._access = access
        self._keyring = keyring
        self._rooms = rooms
        self._open_tenant = open_tenant

    async def identify(self, request: Request) -> Caller:
        """Raises Unauthorized: no credential, or one that does not count."""
        given = request.headers.getlist("authorization")
        if not given:
            return self._anonymous(request)
        match = _BEARER.fullmatch(given[0])
        if match is None or len(given) > 1:
            raise Unauthorized("send one credential, as `Authorization: Bearer …`")
        try:
            return await self.holder(match[1])
        except BadToken as e:
            raise Unauthorized(e.message) from None

    def _anonymous(self, request: Request) -> Caller:
        if self._open_tenant is None:
            raise Unauthorized("a credential is needed: `Authorization: Bearer` with an API key, invite or room token")
        # Else any page of the web could call us by a name of its own that resolves to this machine (DNS rebinding).
        if not is_loopback(request.url.hostname or ""):
            raise Unauthorized(
                "an open development server answers by a loopback address only, such as http://localhost"
            )
        return Owner(self._open_tenant, "open")

    async def holder(self, credential: str) -> Caller:
        """Who holds a credential. Raises Unauthorized, BadToken: it does not count."""
        if credential.startswith(KEY_PREFIX):
            key = await self._access.key_of(credential)
            if key is None:
                raise Unauthorized(_UNKNOWN_KEY)
            return Owner(key.tenant_id, f"key {key.id}")
        if kind_of(credential) == "invite":
            invite = await self._keyring.verify_invite(credential)
            return Invitee(invite.tenant_id, f"invite {invite.invite_id}", invite)
        claims = await self._keyring.verify_room(credential)
        if await self._rooms.is_void(claims.room_id, claims.user_id, claims.issued_at_ms):
            raise Unauthorized("the token's user was removed from the meeting")
        return Member(claims.tenant_id, f"member {claims.room_id} {claims.user_id}", claims)


def must_own(caller: Caller) -> None:
    """Raises Forbidden unless the caller may do everything in its tenant."""
    if not isinstance(caller, Owner):
        raise Forbidden("only an API key may do this")


def must_host(caller: Caller, room_id: RoomId) -> None:
    """Raises Forbidden unless the caller may do what a host of the room may."""
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == room_id and caller.claims.role == "host"):
        raise Forbidden("only a host of this room, or an API key, may do this")


def must_belong(caller: Caller, room_id: RoomId) -> None:
    """Raises Forbidden unless the caller may see the room as a member does."""
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == room_id):
        raise Forbidden("only a member of this room, or an API key, may do this")


def must_speak_for(caller: Caller, room: Room, user_id: UserId, known: User | None) -> None:
    """Raises Forbidden unless the caller may join the room as the user (``known``: its record, if there is one)."""
    if isinstance(caller, Member) and (caller.claims.room_id != room.id or caller.claims.user_id != user_id):
        raise Forbidden("a room token joins its own room, as its own user")
    if isinstance(caller, Invitee):
        if caller.claims.room_id != room.id:
            raise Forbidden("the invite is for another room")
        if known is not None and known.invite_id != caller.claims.invite_id:
            raise Forbidden("an invite joins as a user it made itself: send a new userId")
