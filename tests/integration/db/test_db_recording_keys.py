"""Recording keys, the same on SQLite and PostgreSQL: one in use for each tenant, and none is ever lost."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from tertulia.db.access import Access
from tertulia.db.audit import Audit
from tertulia.db.engine import Database
from tertulia.db.recording_keys import RecordingKeys
from tertulia.db.tables import RECORDING_KEYS
from tertulia.errors import Refused, StorageError
from tertulia.ids import TenantId, new_uuid
from tertulia.master_key import MasterKey
from tests.integration.db.conftest import AT
from tests.integration.db.meetings import after

MASTER = MasterKey(b"m" * 32)
FIRST, SECOND = b"1" * 32, b"2" * 32


async def test_a_key_is_replaced_and_the_one_before_stays(database: Database, tenant: TenantId) -> None:
    keys = RecordingKeys(database, MASTER)
    other = (await Access(database).create_tenant("other", AT)).id
    assert await keys.current(tenant) is None
    first = await keys.replace(tenant, FIRST, AT)
    assert await keys.current(tenant) == (first, FIRST)
    assert await keys.current(other) is None
    second = await keys.replace(tenant, SECOND, after(1))
    assert await keys.current(tenant) == (second, SECOND)
    assert [await keys.secret(key) for key in (first, second)] == [FIRST, SECOND]
    await keys.retire(tenant, after(2))
    assert await keys.current(tenant) is None
    assert await keys.secret(second) == SECOND
    await keys.retire(tenant, after(3))
    audited = [(entry.action, entry.target) for entry in (await Audit(database).page(tenant)).entries]
    set_once, again = ("recording-key.set", first), ("recording-key.set", second)
    assert audited == [("recording-key.dropped", None), again, set_once]


async def test_the_database_alone_gives_no_key(database: Database, tenant: TenantId) -> None:
    key = await RecordingKeys(database, MASTER).replace(tenant, FIRST, AT)
    async with database.read() as connection:
        row = (await connection.execute(sa.select(RECORDING_KEYS))).one()
    assert FIRST not in row.wrapped
    for keys, says in (
        (RecordingKeys(database, None), "set TERTULIA_MASTER_KEY"),
        (RecordingKeys(database, MasterKey(b"o" * 32)), "the master key is not the one"),
    ):
        with pytest.raises(StorageError, match=says):
            await keys.current(tenant)
        with pytest.raises(StorageError, match=says):
            await keys.secret(key)
    with pytest.raises(Refused, match="there is no master key"):
        await RecordingKeys(database, None).replace(tenant, SECOND, AT)
    with pytest.raises(StorageError, match="not in the database"):
        await RecordingKeys(database, MASTER).secret(new_uuid())


async def test_of_many_at_once_one_is_in_use(database: Database, tenant: TenantId) -> None:
    keys = RecordingKeys(database, MASTER)
    outcomes = await asyncio.gather(
        *(keys.replace(tenant, bytes([n]) * 32, after(n)) for n in range(8)), return_exceptions=True
    )
    assert all(isinstance(outcome, str | Refused) for outcome in outcomes), outcomes
    assert await keys.current(tenant) is not None
