"""The audit log."""

from __future__ import annotations

from datetime import datetime

from tertulia.contract.answers import AuditList, AuditView
from tertulia.contract.requests import AuditQuery
from tertulia.db.models import AuditEntry
from tertulia.db.paging import Position, read_cursor
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.times import from_rfc3339, rfc3339


async def find_page(asked: Asked[AuditQuery]) -> tuple[Position | None, datetime | None]:
    """Where the page begins (None: at the newest entry), and where the log does. Raises Invalid."""
    query = asked.body
    return read_cursor(query.cursor) if query.cursor else None, from_rfc3339(query.since) if query.since else None


async def list_page(call: Call[AuditQuery], begin: tuple[Position | None, datetime | None]) -> Answer:
    """One page of the tenant's audit log."""
    after, since = begin
    page = await call.services.audit.page(call.caller.tenant_id, limit=call.body.limit, after=after, since=since)
    return Answer(200, AuditList(items=[_view(entry) for entry in page.entries], next=page.next))


def _view(entry: AuditEntry) -> AuditView:
    return AuditView(
        id=entry.id,
        at=rfc3339(entry.at),
        action=entry.action,
        actor=entry.actor,
        address=entry.address,
        request_id=entry.request_id,
        room_id=entry.room_id,
        target=entry.target,
        details=entry.details,
    )
