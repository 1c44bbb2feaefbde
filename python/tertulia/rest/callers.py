"""Who calls, by which credential."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.requests import Request

from tertulia import times
from tertulia.config import is_loopback
from tertulia.contract.fields import Role
from tertulia.db.access import KEY_PREFIX, Access
from tertulia.db.admissions import Admissions
from tertulia.db.invites import Invites
from tertulia.db.keyring import Keyring
from tertulia.db.models import Invite, SignIn
from tertulia.db.sign_ins import SignIns
from tertulia.errors import BadToken, Unauthorized, UserRemoved
from tertulia.ids import TenantId, UserId
from tertulia.rest.codes import Codes, is_code
from tertulia.rest.cookies import check_origin, cookie_of
from tertulia.signalr.credentials import bearer
from tertulia.state.rooms import RoomState
from tertulia.tokens import InviteClaims, RoomClaims, kind_of

BY_COOKIE: Final = "cookie"
"""The Authorization header of a page that calls as whoever is signed in. Other pages of this server send none, so that
they are not that person; and another site's page cannot send it unasked (a preflight of CORS comes first)."""
_UNKNOWN_KEY: Final = "the API key is unknown or was revoked"


class Caller(Struct, frozen=True):
    """An authorised caller. ``name`` is the same for the same credential: what idempotency and rate limits go by (with
    the user, the address, where many hold it)."""

    tenant_id: TenantId
    name: str


class Owner(Caller, frozen=True):
    """Holds an API key of the tenant, or calls an open development server: may do everything in the tenant."""

    key_id: str | None
    """None: on an open development server."""


class Member(Caller, frozen=True):
    """Holds a room token: speaks for one user in one room."""

    claims: RoomClaims
    role: Role
    """In the present meeting: a host of it may have given them another one than the token says."""


class Invitee(Caller, frozen=True):
    """Holds an invite: may join one room, as a guest whom the invite makes."""

    claims: InviteClaims


class CodeHolder(Caller, frozen=True):
    """Holds the code of an invite, from its short link: may open it, which its password may be needed for."""

    invite: Invite


class SignedIn(Caller, frozen=True):
    """Is signed in by OpenID Connect, in a browser that sends the cookie of it."""

    sign_in: SignIn

    @property
    def user_id(self) -> UserId:
        """As whom."""
        return self.sign_in.user.id

    @property
    def is_administrator(self) -> bool:
        """Whether they manage all of the tenant's rooms; others manage those of which they are the host."""
        return self.sign_in.is_administrator


class Callers:
    """Finds out who calls. ``open_tenant``: the tenant of those who send no credential, in open development."""

    def __init__(
        self,
        access: Access,
        admissions: Admissions,
        invites: Invites,
        keyring: Keyring,
        codes: Codes,
        rooms: RoomState,
        sign_ins: SignIns,
        *,
        open_tenant: TenantId | None,
        public_url: str | None,
    ) -> None:
        self._access = access
        self._admissions = admissions
        self._invites = invites
        self._keyring = keyring
        self._codes = codes
        self._rooms = rooms
        self._sign_ins = sign_ins
        self._open_tenant = open_tenant
        self._public_url = public_url

    async def identify(self, request: Request) -> Caller:
        """Who sent the request.

        Raises:
            Unauthorized: no credential was sent, or one that is not valid.
            Forbidden: another site's page sends the cookie.
        """
        given = request.headers.getlist("authorization")
        if not given:
            return self._anonymous(request)
        if [value.lower() for value in given] == [BY_COOKIE]:
            return await self._signed_in(request)
        credential = bearer(given[0])
        if not credential or len(given) > 1:
            raise Unauthorized("send one credential, as `Authorization: Bearer …`")
        try:
            return await self.holder(credential)
        except BadToken as e:
            raise Unauthorized.by(e) from None

    async def _signed_in(self, request: Request) -> SignedIn:
        check_origin(request, self._public_url)
        secret = cookie_of(request, self._public_url)
        sign_in = await self._sign_ins.find(secret, times.from_seconds(self._keyring.now())) if secret else None
        if sign_in is None:
            raise Unauthorized("you are not signed in, or not any more: sign in at /sign-in")
        tenant, user = sign_in.user.tenant_id, sign_in.user.id
        return SignedIn(tenant, f"signed-in {tenant} {user}", sign_in)

    def _anonymous(self, request: Request) -> Caller:
        if self._open_tenant is None:
            raise Unauthorized("send a credential: `Authorization: Bearer` with an API key, an invite or a room token")
        # Else any web page could call us by a name of its own that resolves to this machine (DNS rebinding).
        if not is_loopback(request.url.hostname or ""):
            raise Unauthorized(
                "an open development server answers at a loopback address only, such as http://localhost"
            )
        return Owner(self._open_tenant, "open", None)

    async def holder(self, credential: str) -> Caller:
        """Who holds a credential. Raises Unauthorized, BadToken: it is not valid."""
        if credential.startswith(KEY_PREFIX):
            key = await self._access.key_of(credential)
            if key is None:
                raise Unauthorized(_UNKNOWN_KEY)
            return Owner(key.tenant_id, f"key {key.id}", key.id)
        if is_code(credential):
            return await self._code_holder(credential)
        if kind_of(credential) == "invite":
            invite = await self._keyring.verify_invite(credential)
            await self._invites.check(invite)
            return Invitee(invite.tenant_id, f"invite {invite.invite_id}", invite)
        claims = await self._keyring.verify_room(credential)
        if await self._rooms.is_void(claims.room_id, claims.user_id, claims.admission.at_ms):
            raise UserRemoved
        await self._admissions.check(claims)
        role = await self._rooms.present_role(claims.room_id, claims.user_id) or claims.role
        return Member(claims.tenant_id, f"member {claims.room_id} {claims.user_id}", claims, role)

    async def _code_holder(self, code: str) -> CodeHolder:
        found = await self._by_code(code)
        if found is None and await self._keyring.read_again():
            found = await self._by_code(code)
        if found is None:
            raise Unauthorized("this link is not valid, or not any more: ask for a new one")
        invite, tenant_id = found
        return CodeHolder(tenant_id, f"code {invite.id}", invite)

    async def _by_code(self, code: str) -> tuple[Invite, TenantId] | None:
        return await self._invites.by_code(self._codes.hashes(code), times.from_seconds(self._keyring.now()))
