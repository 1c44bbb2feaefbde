"""What this hub has read of rooms, and of who may come to none any more: what it goes by while SQL is away. Pure.

What all hubs go by then is in Redis, with the room's state: :class:`SharedRecord`."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tertulia.contract.settings import Settings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId
from tertulia.room.answers import RoomRecord
from tertulia.room.participant import Removals
from tertulia.room.quotas import Quotas
from tertulia.tokens import RoomClaims

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MOST: Final = 10_000
"""Records kept: some megabytes. Those that were asked for least recently go first."""


class SharedRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """What Redis keeps of a room's record while its meeting is on. The session, its recording and its removals are in
    the state itself."""

    tenant_id: TenantId
    host_user_id: UserId
    settings: Settings
    quotas: Quotas

    @classmethod
    def of(cls, tenant: TenantId, record: RoomRecord) -> SharedRecord:
        """That of a record."""
        return cls(tenant_id=tenant, host_user_id=record.host_user_id, settings=record.settings, quotas=record.quotas)


class _Session(NamedTuple):
    """What a record has of the session that is open, if any."""

    id: SessionId | None
    recording: RecordingId | None
    removals: Removals


_NO_SESSION: Final = _Session(None, None, {})

Asked = int
"""When SQL was asked, in the order of this hub's questions and of what it has learned otherwise."""


class _Known(Struct):
    """What was asked before ``asked`` is older, as to the session what was asked before ``session_asked``."""

    shared: SharedRecord
    session: _Session
    asked: Asked = 0
    session_asked: Asked = 0
    is_ahead: bool = False
    """Redis may have an older one."""

    def record(self) -> RoomRecord:
        """All of it."""
        return RoomRecord(
            host_user_id=self.shared.host_user_id,
            settings=self.shared.settings,
            session_id=self.session.id,
            recording=self.session.recording,
            removals=self.session.removals,
            quotas=self.shared.quotas,
        )


class KnownRecords:
    """By room. A record is as it was when it was last read, but for its session, of which this hub knows more."""

    def __init__(self) -> None:
        self._known: dict[RoomId, _Known] = {}
        self._gone: dict[RoomId, Asked] = {}
        """Rooms that there were not when that was asked."""
        self._asked: Asked = 0

    def ask(self) -> Asked:
        """SQL is asked for a record now."""
        self._asked += 1
        return self._asked

    def read(self, room: RoomId, asked: Asked, tenant: TenantId, record: RoomRecord) -> None:
        """SQL has said so. Where more was learned since it was asked, that counts."""
        if asked < self._gone.get(room, 0):
            return
        shared = SharedRecord.of(tenant, record)
        session = _Session(record.session_id, record.recording, record.removals)
        known = self._known.pop(room, None) or _Known(shared, session)
        if asked >= known.asked:
            known.is_ahead |= known.shared != shared
            known.shared, known.asked = shared, asked
        if asked >= known.session_asked:
            known.session, known.session_asked = session, asked
        _put(self._known, room, known)

    def heard(self, room: RoomId, shared: SharedRecord) -> RoomRecord:
        """Redis has this of a room: what the hub that changed the settings last has written, unless this hub knows
        newer ones that are not kept yet. Of its session SQL knows more, and perhaps this hub."""
        known = self._known.get(room)
        if known is None:
            known = _Known(shared, _NO_SESSION)
            _put(self._known, room, known)
        record = known.record()
        return record if known.is_ahead else replace(record, settings=shared.settings)

    def gone(self, room: RoomId, asked: Asked, tenant: TenantId | None) -> None:
        """SQL has said that this tenant (None: anybody) has no such room. Of no effect if more was learned since it was
        asked, or if it is another's."""
        known = self._known.get(room)
        if known is not None and (asked < known.asked or tenant not in (None, known.shared.tenant_id)):
            return
        self._known.pop(room, None)
        self._gone.pop(room, None)
        _put(self._gone, room, asked)

    def opened(self, room: RoomId, session: SessionId) -> None:
        """A session of the room was opened."""
        known = self._known.get(room)
        if known is not None and known.session.id != session:
            known.session, known.session_asked = _Session(session, None, {}), self.ask()

    def closed(self, room: RoomId, session: SessionId) -> None:
        """A session of the room has ended."""
        known = self._known.get(room)
        if known is not None and known.session.id == session:
            known.session, known.session_asked = _NO_SESSION, self.ask()

    def changed(self, room: RoomId, settings: Settings) -> None:
        """The room's settings were changed to these."""
        known = self._known.get(room)
        if known is not None:
            known.shared, known.asked = replace(known.shared, settings=settings), self.ask()
            known.is_ahead = True

    def kept(self, room: RoomId, shared: SharedRecord) -> None:
        """Redis has this of a room now."""
        known = self._known.get(room)
        if known is not None:
            known.is_ahead = known.shared != shared

    def not_kept(self, room: RoomId) -> None:
        """Redis did not take what was read of a room."""
        known = self._known.get(room)
        if known is not None:
            known.is_ahead = True

    def ahead(self) -> list[RoomId]:
        """The rooms of which Redis may have older records than this hub."""
        return [room for room, known in self._known.items() if known.is_ahead]

    def shared(self, room: RoomId) -> SharedRecord | None:
        """What all hubs may know of the record; None: it is not known here."""
        known = self._known.get(room)
        return None if known is None else known.shared

    def owner(self, room: RoomId) -> tuple[TenantId, Quotas] | None:
        """The tenant of a room in which somebody is, and what it may have; None: it is not known."""
        known = self._known.get(room)
        if known is None:
            return None
        self._known[room] = self._known.pop(room)
        return known.shared.tenant_id, known.shared.quotas

    def read_quotas(self, room: RoomId, tenant: TenantId, quotas: Quotas) -> None:
        """SQL has these quotas for the tenant of a room."""
        known = self._known.get(room)
        if known is not None and known.shared.tenant_id == tenant and known.shared.quotas != quotas:
            known.shared = replace(known.shared, quotas=quotas)
            known.is_ahead = True

    def find(self, room: RoomId, tenant: TenantId | None) -> RoomRecord | None:
        """The record as it is known; None: it is not, or not as one of this tenant."""
        known = self._known.get(room)
        if known is None or (tenant is not None and known.shared.tenant_id != tenant):
            return None
        self._known[room] = self._known.pop(room)
        return known.record()


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
        _put(self._known, void, None)


_Void = tuple[TenantId, UserId] | str | None
"""A guest, or an API key."""


def _put(known: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Keep what is not kept yet; the oldest goes for it."""
    known[key] = value
    if len(known) > MOST:
        del known[next(iter(known))]


def _void(claims: RoomClaims) -> _Void:
    """What has to be void for a token to be: a guest has no key, and only guests are banned."""
    return (claims.tenant_id, claims.user_id) if claims.admission.is_guest else claims.admission.key_id
