"""The audit log, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from tertulia.db.access import Access
from tertulia.db.audit import Audit
from tertulia.db.engine import Database
from tertulia.db.models import AuditEntry
from tertulia.db.paging import read_cursor
from tertulia.ids import TenantId, new_uuid
from tests.integration.db.conftest import AT
from tests.integration.db.meetings import after


def entry(tenant: TenantId, seconds: float = 0, **fields: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "id": new_uuid(),
        "tenant_id": tenant,
        "at": after(seconds),
        "action": "room.ended",
        "actor": "key 1",
    }
    return AuditEntry(**(values | fields))


async def test_what_was_written_is_read_once_by_its_tenant(database: Database, tenant: TenantId) -> None:
    audit = Audit(database)
    other = (await Access(database).create_tenant("other", AT)).id
    full = entry(
        tenant, address="2001:db8::1", request_id="r", room_id=new_uuid(), target="x", details={"ban": "true", "n": 1}
    )
    await audit.write([full, entry(other)])
    await audit.write([full])
    assert (await audit.page(tenant)).entries == [full]


async def test_pages_newest_first_and_since(database: Database, tenant: TenantId) -> None:
    audit = Audit(database)
    entries = [entry(tenant, seconds) for seconds in (0, 1, 1, 1, 2)]
    await audit.write(entries)
    found, cursor = [], None
    while True:
        page = await audit.page(tenant, limit=2, after=read_cursor(cursor) if cursor else None)
        found += page.entries
        cursor = page.next
        if cursor is None:
            break
    assert found == sorted(entries, key=lambda it: (it.at, it.id), reverse=True)
    assert len((await audit.page(tenant, since=after(1))).entries) == 4


async def test_what_is_old_is_deleted(database: Database, tenant: TenantId) -> None:
    audit = Audit(database)
    old, new = entry(tenant), entry(tenant, 2)
    await audit.write([old, new])
    await audit.purge(after(1))
    assert (await audit.page(tenant)).entries == [new]


async def test_keys_are_audited_where_they_are_made_and_revoked(database: Database, tenant: TenantId) -> None:
    access = Access(database)
    made = await access.create_key(tenant, "for tests", AT)
    for seconds in (1, 2):
        await access.revoke_key(made.key.id, after(seconds))
    found = (await Audit(database).page(tenant)).entries
    assert [(it.action, it.actor, it.target, it.details) for it in found] == [
        ("key.revoked", "operator", made.key.id, {"name": "for tests"}),
        ("key.created", "operator", made.key.id, {"name": "for tests"}),
    ]
    assert made.secret not in str(found)
