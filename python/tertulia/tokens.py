"""Signed tokens (JWT, RFC 7519): what they say, how they are issued and verified. Pure: keys and ``now`` are given.

There are two kinds, told apart by the ``typ`` in the header (RFC 8725, section 3.11):

- a *room token* admits one user to one room in one role (the host's ``joinToken`` is one that is valid longer);
- an *invite* lets whoever holds it join one room in one role, as a new user.

Every room token goes back to an :class:`Admission`. A renewed one keeps the admission of the token it renews, so that
what voids the one voids the other.

They are signed with HS256, whatever algorithm a token names, by keys of their tenant. ``kid`` is the key's id: one key
of a tenant signs, and its older ones verify until what they have signed is expired.
"""

from __future__ import annotations

import base64
import hmac
import math
import secrets
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeVar

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, OctKey
from msgspec import Struct

from tertulia.contract.fields import Role
from tertulia.errors import BadToken
from tertulia.ids import RoomId, TenantId, UserId, new_token

ROOM_TOKEN_SECONDS: Final = 3600
"""How long a room token is valid."""
JOIN_TOKEN_SECONDS: Final = 24 * 3600
"""How long the host's ``joinToken`` is valid."""
ADMISSION_SECONDS: Final = 24 * 3600
"""How long a room token can be renewed after the admission it goes back to."""
INVITE_MAX_SECONDS: Final = 30 * 86400
"""The longest that an invite may be valid, and so how long a retired key has to verify."""

_ALGORITHMS: Final = ("HS256",)
_ROOM_TYPE: Final = "tertulia-room+jwt"
_INVITE_TYPE: Final = "tertulia-invite+jwt"
_MAX_LENGTH: Final = 8192
"""Characters. A longer text is not even parsed."""


class SigningKey(Struct, frozen=True):
    """A secret that signs and verifies. Since ``retired_at`` (Unix seconds) it only verifies."""

    kid: str
    """Unique among the keys of its tenant."""
    secret: bytes
    created_at: float
    retired_at: float | None = None
    tenant_id: TenantId | None = None
    """The tenant whose tokens it signs; None: it is the server's own, and signs no tokens (see
    :meth:`Tokens.derived`)."""

    def verifies(self, now: float) -> bool:
        """Whether something that it signed may still be valid."""
        return self.retired_at is None or now < self.retired_at + INVITE_MAX_SECONDS

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"


class Admission(Struct, frozen=True):
    """What a room token goes back to: an API key vouched for the user, or an invite made them."""

    at_ms: int
    """When, on the clock of Redis. A removal at that moment or later voids every token of this admission."""
    is_guest: bool = False
    """They came by an invite."""
    key_id: str | None = None
    """The API key that vouched for them. Revoking it voids every token of this admission."""


class RoomClaims(Struct, frozen=True):
    """What a room token says; ``expires_at`` is in Unix seconds."""

    user_id: UserId
    room_id: RoomId
    role: Role
    tenant_id: TenantId
    display_name: str
    region: str | None
    admission: Admission
    expires_at: int


class InviteClaims(Struct, frozen=True):
    """What an invite says. Users that come by it have its ``invite_id``."""

    invite_id: str
    room_id: RoomId
    role: Role
    tenant_id: TenantId
    expires_at: int


class Issued(Struct, frozen=True):
    """A signed token and when it expires (Unix seconds)."""

    token: str
    expires_at: int

    def __repr__(self) -> str:
        return f"Issued(expires_at={self.expires_at})"


class UnknownKey(BadToken):
    """Signed by a key that is not known, perhaps because it is new."""


class NoSigningKey(LookupError):
    """No key of the tenant signs: it has none yet, or all were retired."""


class _Header(Struct):
    typ: str


class _Owned(Struct):
    tenant: TenantId


class _RoomPayload(Struct):
    sub: UserId
    room: RoomId
    role: Role
    tenant: TenantId
    name: str
    iat: float
    exp: int
    region: str | None = None
    adm: float | None = None
    """The admission; None: the token was issued by a version that did not renew tokens, so it is its own admission."""
    guest: bool = False
    key: str | None = None

    @property
    def admission(self) -> Admission:
        at = self.iat if self.adm is None else self.adm
        return Admission(round(at * 1000), self.guest, self.key)


class _InvitePayload(Struct):
    jti: str
    room: RoomId
    role: Role
    tenant: TenantId
    exp: int


P = TypeVar("P", _RoomPayload, _InvitePayload)


def new_signing_key(now: float, tenant: TenantId | None) -> SigningKey:
    """A key with 256 random bits; None: one of the server itself."""
    return SigningKey(new_token(size=9), secrets.token_bytes(32), created_at=now, tenant_id=tenant)


class Tokens:
    """Issues and verifies tokens with a fixed set of keys. The youngest key of a tenant that is not retired signs."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        oldest_first = sorted(keys, key=lambda key: (key.created_at, key.kid))
        self._own = [key for key in oldest_first if key.tenant_id is None]
        self._keys = {(key.tenant_id, key.kid): key for key in oldest_first if key.tenant_id is not None}
        self._signing = {tenant: key for (tenant, _), key in self._keys.items() if key.retired_at is None}
        self._imported: dict[SigningKey, OctKey] = {}
        """Those that were used: to import one takes longer than to verify a token."""

    def signs_for(self, tenant: TenantId) -> bool:
        """Whether tokens of the tenant can be issued."""
        return tenant in self._signing

    @property
    def kids(self) -> frozenset[str]:
        """The ids of the keys."""
        return frozenset(key.kid for key in (*self._own, *self._keys.values()))

    def issue_room(
        self,
        *,
        user_id: UserId,
        room_id: RoomId,
        role: Role,
        tenant_id: TenantId,
        display_name: str,
        now: float,
        admission: Admission | None = None,
        region: str | None = None,
        lifetime: int = ROOM_TOKEN_SECONDS,
    ) -> Issued:
        """Issue a room token, valid for ``lifetime`` seconds, but not longer than its admission.

        ``admission``: what it goes back to; None: to this moment.

        Raises:
            NoSigningKey
        """
        admission = admission or Admission(math.floor(now * 1000))
        expires_at = min(math.floor(now) + lifetime, admission.at_ms // 1000 + ADMISSION_SECONDS)
        payload = _RoomPayload(
            sub=user_id,
            room=room_id,
            role=role,
            tenant=tenant_id,
            name=display_name,
            region=region,
            iat=math.floor(now * 1000) / 1000,
            exp=expires_at,
            adm=admission.at_ms / 1000,
            guest=admission.is_guest,
            key=admission.key_id,
        )
        return Issued(self._sign(_ROOM_TYPE, tenant_id, payload), expires_at)

    def issue_invite(
        self, *, invite_id: str, room_id: RoomId, role: Role, tenant_id: TenantId, now: float, lifetime: int
    ) -> Issued:
        """Issue an invite, valid for ``lifetime`` seconds (at most :data:`INVITE_MAX_SECONDS`). Whether it still admits
        anybody is in the database. Raises what :meth:`issue_room` raises."""
        if lifetime > INVITE_MAX_SECONDS:
            raise ValueError(f"an invite is valid for at most {INVITE_MAX_SECONDS} s")
        expires_at = math.floor(now) + lifetime
        payload = _InvitePayload(jti=invite_id, room=room_id, role=role, tenant=tenant_id, exp=expires_at)
        return Issued(self._sign(_INVITE_TYPE, tenant_id, payload), expires_at)

    def verify_room(self, token: str, now: float) -> RoomClaims:
        """What a room token says, if it is genuine and has not expired.

        Raises:
            UnknownKey: its key is not known (read the keys again).
            BadToken: it is not valid.
        """
        p = self._verify(token, _ROOM_TYPE, _RoomPayload, now)
        return RoomClaims(p.sub, p.room, p.role, p.tenant, p.name, p.region, p.admission, p.exp)

    def verify_invite(self, token: str, now: float) -> InviteClaims:
        """What an invite says. Raises what :meth:`verify_room` raises."""
        p = self._verify(token, _INVITE_TYPE, _InvitePayload, now)
        return InviteClaims(p.jti, p.room, p.role, p.tenant, p.exp)

    def derived(self, purpose: bytes) -> list[bytes]:
        """Keys for another purpose, one from each key of the server itself, the oldest first. Sign with the first,
        which every web worker knows, and verify with all: not every worker knows the youngest yet."""
        return [hmac.digest(key.secret, purpose, "sha256") for key in self._own]

    def _sign(self, kind: str, tenant: TenantId, payload: Struct) -> str:
        key = self._signing.get(tenant)
        if key is None:
            raise NoSigningKey(tenant)
        header = {"alg": _ALGORITHMS[0], "kid": key.kid, "typ": kind}
        return jwt.encode(header, msgspec.to_builtins(payload), self._octets(key), algorithms=_ALGORITHMS)

    def _verify(self, token: str, kind: str, payload: type[P], now: float) -> P:
        if len(token) > _MAX_LENGTH or not token.isascii() or token.count(".") != 2:
            raise BadToken("this is not a token")

        tenant = _claimed_tenant(token)

        def key_of(member: GuestProtocol) -> OctKey:
            return self._key(tenant, member.headers(), now)

        try:
            parsed = jwt.decode(token, key_of, algorithms=_ALGORITHMS)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise BadToken("the token was not signed by this server, or is damaged") from None
        if parsed.header.get("typ") != kind:
            raise BadToken("the token is of another kind")
        try:
            claims = msgspec.convert(parsed.claims, payload)
        except msgspec.ValidationError:
            raise BadToken("the token lacks a claim") from None
        if claims.tenant != tenant:
            raise BadToken("the token was signed for another tenant")
        if claims.exp <= now:
            raise BadToken("the token has expired")
        return claims

    def _key(self, tenant: TenantId, header: dict[str, Any], now: float) -> OctKey:
        """The key of that id that the tenant has: another tenant's verifies nothing."""
        kid = header.get("kid")
        key = self._keys.get((tenant, kid)) if isinstance(kid, str) else None
        if key is None or not key.verifies(now):
            raise UnknownKey("the token's key is not known, or no longer valid")
        return self._octets(key)

    def _octets(self, key: SigningKey) -> OctKey:
        found = self._imported.get(key)
        if found is None:
            found = self._imported[key] = OctKey.import_key(key.secret)
        return found


def kind_of(token: str) -> Literal["room", "invite"]:
    """Which kind a token claims to be, unverified. Anything else counts as a room token."""
    header = _part(token.partition(".")[0][:_MAX_LENGTH], _Header)
    return "invite" if header is not None and header.typ == _INVITE_TYPE else "room"


def _claimed_tenant(token: str) -> TenantId:
    """The tenant that a token claims to be of, unverified. Raises BadToken."""
    payload = _part(token.split(".")[1], _Owned)
    if payload is None:
        raise BadToken("the token lacks a claim")
    return payload.tenant


S = TypeVar("S", bound=Struct)


def _part(text: str, kind: type[S]) -> S | None:
    """A part of a token; None: it cannot be read."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
