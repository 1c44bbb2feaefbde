"""The records of rooms that this hub has read: what it goes by while SQL is away. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tertulia.ids import RoomId, SessionId, TenantId
from tertulia.room.answers import RoomRecord
from tertulia.room.quotas import Quotas

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
