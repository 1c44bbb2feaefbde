"""What this hub has read of rooms, and of who may come to none any more: what it goes by while SQL is away. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tertulia.contract.settings import Settings
from tertulia.ids import RoomId, SessionId, TenantId, UserId
from tertulia.room.answers import RoomRecord
from tertulia.room.quotas import Quotas
from tertulia.tokens import RoomClaims

MOST: Final = 10_000
"""Records kept: some megabytes. Those that were asked for least recently go first."""


class _Known(Struct):
    tenant: TenantId | None
    record: RoomRecord


class KnownRecords:
    """By room. A record is as it was when it was last read, but for its session, of which this hub knows more."""

    def __init__(self) -> None:
        self._known: dict[RoomId, _Known] = {}

    def read(self, room: RoomId, tenant: TenantId | None, record: RoomRecord) -> None:
        """SQL has said so. ``tenant``: whose room it was asked for; None: whosever it is."""
        known = self._known.pop(room, None)
        self._known[room] = _Known(tenant or (known.tenant if known is not None else None), record)
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def gone(self, room: RoomId) -> None:
        """There is no such room any more."""
        self._known.pop(room, None)

    def opened(self, room: RoomId, session: SessionId) -> None:
        """A session of the room was opened."""
        known = self._known.get(room)
        if known is not None and known.record.session_id != session:
            known.record = replace(known.record, session_id=session, recording=None)

    def closed(self, room: RoomId, session: SessionId) -> None:
        """A session of the room has ended."""
        known = self._known.get(room)
        if known is not None and known.record.session_id == session:
            known.record = replace(known.record, session_id=None, recording=None)

    def changed(self, room: RoomId, settings: Settings) -> None:
        """The room's settings were changed to these."""
        known = self._known.get(room)
        if known is not None:
            known.record = replace(known.record, settings=settings)

    def owner(self, room: RoomId) -> tuple[TenantId, Quotas] | None:
        """The tenant of a room in which somebody is, and what it may have; None: it is not known."""
        known = self._known.get(room)
        if known is None or known.tenant is None:
            return None
        self._known[room] = self._known.pop(room)
        return known.tenant, known.record.quotas

    def read_quotas(self, room: RoomId, tenant: TenantId, quotas: Quotas) -> None:
        """SQL has these quotas for the tenant of a room."""
        known = self._known.get(room)
        if known is not None and known.tenant == tenant and known.record.quotas != quotas:
            known.record = replace(known.record, quotas=quotas)

    def find(self, room: RoomId, tenant: TenantId | None) -> RoomRecord | None:
        """The record as it is known; None: it is not, or not as one of this tenant."""
        known = self._known.get(room)
        if known is None or (tenant is not None and known.tenant != tenant):
            return None
        self._known[room] = self._known.pop(room)
        return known.record


class KnownVoid:
    """The guests who were banned and the API keys that were revoked, as far as this hub knows: both are for good."""

    def __init__(self) -> None:
        self._known: dict[_Void, None] = {}

    def ban(self, tenant: TenantId, user: UserId) -> None:
        """A user was banned; of no effect on one whom the tenant vouches for."""
        self._add((tenant, user))

    def refused(self, claims: RoomClaims) -> None:
        """SQL says that the holder of a token was banned, or that the API key that vouched for them was revoked."""
        self._add(_void(claims))

    def __contains__(self, claims: RoomClaims) -> bool:
        """Whether a token is known to be void."""
        return _void(claims) in self._known

    def _add(self, void: _Void) -> None:
        if void is None:
            return
        self._known.pop(void, None)
        self._known[void] = None
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]


_Void = tuple[TenantId, UserId] | str | None
"""A guest, or an API key."""


def _void(claims: RoomClaims) -> _Void:
    """What has to be void for a token to be: a guest has no key, and only guests are banned."""
    return (claims.tenant_id, claims.user_id) if claims.admission.is_guest else claims.admission.key_id
