"""The keys that tenants' recordings are encrypted with in storage. The table has them encrypted by the master key.

A key that was replaced stays: what was encrypted with it says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from tertulia.db import audit
from tertulia.db.engine import Database, insert_new
from tertulia.db.tables import RECORDING_KEYS
from tertulia.errors import Refused, StorageError
from tertulia.ids import TenantId, new_uuid
from tertulia.master_key import MasterKey, WrongMasterKey

_MOST_KNOWN: Final = 1_024
"""Keys that are remembered; then they are read again."""
_NO_MASTER: Final = "set TERTULIA_MASTER_KEY or TERTULIA_MASTER_KEY_FILE"


class RecordingKeys:
    """The queries. ``master`` is needed for all but :meth:`retire`."""

    def __init__(self, database: Database, master: MasterKey | None) -> None:
        self._database = database
        self._master = master
        self._known: dict[str, bytes] = {}

    async def replace(self, tenant: TenantId, secret: bytes, at: datetime) -> str:
        """Encrypt the tenant's recordings with this key from now on. Returns its id.

        Raises:
            Refused: there is no master key; or another call was faster.
        """
        if self._master is None:
            raise Refused(f"there is no master key to keep a recording key by: {_NO_MASTER}")
        key_id = new_uuid()
        wrapped = self._master.wrap(secret, _purpose(key_id, tenant))
        row = {"id": key_id, "tenant_id": tenant, "wrapped": wrapped, "created_at": at, "retired_at": None}
        async with self._database.write() as connection:
            await connection.execute(_retire(tenant, at))
            if not (await connection.execute(insert_new(connection, RECORDING_KEYS, row))).rowcount:
                raise Refused("another recording key was set at the same moment: try again")
            await audit.add(connection, audit.by_operator(tenant, at, "recording-key.set", key_id))
        return key_id

    async def retire(self, tenant: TenantId, at: datetime) -> None:
        """Encrypt the tenant's recordings no more, from now on."""
        async with self._database.write() as connection:
            if (await connection.execute(_retire(tenant, at))).rowcount:
                await audit.add(connection, audit.by_operator(tenant, at, "recording-key.dropped", None))

    async def current(self, tenant: TenantId) -> tuple[str, bytes] | None:
        """The key to encrypt with, and its id; None: the tenant's recordings are not encrypted.

        Raises:
            StorageError: the master key is missing, or another one.
        """
        query = sa.select(RECORDING_KEYS).where(RECORDING_KEYS.c.tenant_id == tenant, _IS_CURRENT)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (row.id, self._unwrap(row))

    async def secret(self, key_id: str) -> bytes:
        """A key, also one that was replaced.

        Raises:
            StorageError: there is none of this id; the master key is missing, or another one.
        """
        known = self._known.get(key_id)
        if known is None:
            query = sa.select(RECORDING_KEYS).where(RECORDING_KEYS.c.id == key_id)
            async with self._database.read() as connection:
                row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise StorageError(f"the recording key {key_id} is not in the database", is_retryable=False)
            known = self._unwrap(row)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key_id] = known
        return known

    def _unwrap(self, row: sa.Row[Any]) -> bytes:
        if self._master is None:
            raise StorageError(f"recordings of this tenant are encrypted: {_NO_MASTER}", is_retryable=True)
        try:
            return self._master.unwrap(row.wrapped, _purpose(row.id, row.tenant_id))
        except WrongMasterKey:
            raise StorageError(
                f"the master key is not the one that the recording key {row.id} was encrypted with", is_retryable=True
            ) from None


_IS_CURRENT: Final = RECORDING_KEYS.c.retired_at.is_(None)


def _retire(tenant: TenantId, at: datetime) -> sa.Update:
    current = sa.update(RECORDING_KEYS).where(RECORDING_KEYS.c.tenant_id == tenant, _IS_CURRENT)
    return current.values(retired_at=at)


def _purpose(key_id: str, tenant: TenantId) -> str:
    return f"recording key {key_id} of tenant {tenant}"
