"""What this hub has read of rooms, and of who may come to none any more: what it goes by while SQL is away. Pure.

What all hubs go by then is in Redis, with the room's state: :class:`SharedRecord`."""

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


class SharedRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """What Redis keeps of a room's record while its meeting is on. The session, its recording and its removals are in
    the state itself."""

    tenant_id: TenantId
    host_user_id: UserId
    settings: Settings
    quotas: Quotas


Asked = int
"""When SQL was asked, in the order of this hub's questions and of what it has learned otherwise."""


class _Known(Struct):
    asked: Asked
    """What was asked before is older."""
    tenant: TenantId
    record: RoomRecord


class KnownRecords:
    """By room. A record is as it was when it was last read, but for its session, of which this hub knows more."""

    def __init__(self) -> None:
        self._known: dict[RoomId, _Known] = {}
        self._asked: Asked = 0

    def ask(self) -> Asked:
        """SQL is asked for a record now."""
        self._asked += 1
        return self._asked

    def read(self, room: RoomId, asked: Asked, tenant: TenantId, record: RoomRecord) -> None:
        """SQL has said so. Of no effect if more was learned since it was asked."""
        known = self._known.get(room)
        if known is not None and asked < known.asked:
            return
        self._known.pop(room, None)
        self._known[room] = _Known(asked, tenant, record)
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def heard(self, room: RoomId, shared: SharedRecord) -> RoomRecord:
        """Redis has this of a room: what the hub that changed the settings last has written. Of its session SQL knows
        more, and perhaps this hub."""
        known = self._known.get(room)
        if known is not None:
            return replace(known.record, settings=shared.settings)
        record = RoomRecord(
            host_user_id=shared.host_user_id,
            settings=shared.settings,
            session_id=None,
            recording=None,
            quotas=shared.quotas,
        )
        self.read(room, 0, shared.tenant_id, record)
        return record

    def gone(self, room: RoomId) -> None:
        """There is no such room any more."""
        self._known.pop(room, None)

    def opened(self, room: RoomId, session: SessionId) -> None:
        """A session of the room was opened."""
        known = self._known.get(room)
        if known is not None and known.record.session_id != session:
            known.record = replace(known.record, session_id=session, recording=None)
            known.asked = self.ask()

    def closed(self, room: RoomId, session: SessionId) -> None:
        """A session of the room has ended."""
        known = self._known.get(room)
        if known is not None and known.record.session_id == session:
            known.record = replace(known.record, session_id=None, recording=None)
            known.asked = self.ask()

    def changed(self, room: RoomId, settings: Settings) -> None:
        """The room's settings were changed to these."""
        known = self._known.get(room)
        if known is not None:
            known.record = replace(known.record, settings=settings)
            known.asked = self.ask()

    def shared(self, room: RoomId) -> SharedRecord | None:
        """What all hubs may know of the record; None: it is not known here."""
        known = self._known.get(room)
        if known is None:
            return None
        record = known.record
        return SharedRecord(
            tenant_id=known.tenant,
            host_user_id=record.host_user_id,
            settings=record.settings,
            quotas=record.quotas,
        )

    def owner(self, room: RoomId) -> tuple[TenantId, Quotas] | None:
        """The tenant of a room in which somebody is, and what it may have; None: it is not known."""
        known = self._known.get(room)
        if known is None:
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
