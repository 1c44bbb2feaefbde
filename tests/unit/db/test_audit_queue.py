"""Audit entries that wait for SQL: in order, none twice, none that holds up the others, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tertulia.db import audit_queue
from tertulia.db.audit_queue import MOST, AuditQueue
from tertulia.db.models import AuditEntry
from tertulia.errors import Unavailable
from tertulia.ids import TenantId


class Sql:
    """A database that may be away, and does not take some entries."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.is_away = False
        self.refused: set[str] = set()
        self.asked = asyncio.Event()

    async def write(self, entries: list[AuditEntry]) -> None:
        self.asked.set()
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable("the database does not answer")
        if any(entry.id in self.refused for entry in entries):
            raise ValueError("there is no such tenant")
        self.rows += [entry.id for entry in entries]


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        id=str(number), tenant_id=TenantId("t"), at=datetime(2026, 1, 1, tzinfo=UTC), action="room.ended", actor="key 1"
    )


@pytest.fixture
async def sql() -> Sql:
    return Sql()


@pytest.fixture
async def queue(sql: Sql, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AuditQueue]:
    monkeypatch.setattr(audit_queue, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(audit_queue, "STOP_SECONDS", 0.05)
    structlog.reset_defaults()
    made = AuditQueue(sql)
    made.start()
    yield made
    await made.stop()


async def test_entries_are_written_in_order(queue: AuditQueue, sql: Sql) -> None:
    for number in range(250):
        queue.note(entry(number))
    await queue.stop()
    assert sql.rows == [str(number) for number in range(250)]


async def test_while_sql_is_away_they_wait_and_whoever_notes_does_not(queue: AuditQueue, sql: Sql) -> None:
    sql.is_away = True
    queue.note(entry(1))
    await sql.asked.wait()
    queue.note(entry(2))
    sql.is_away = False
    await queue.stop()
    assert sql.rows == ["1", "2"]


async def test_it_is_said_once_that_they_wait_and_once_that_they_are_written(queue: AuditQueue, sql: Sql) -> None:
    sql.is_away = True
    with capture_logs() as logs:
        queue.note(entry(1))
        for _ in range(3):
            sql.asked.clear()
            await sql.asked.wait()
        sql.is_away = False
        await queue.stop()
    assert [line["event"] for line in logs if line["event"] != "audit"] == [
        "audit entries wait for the database",
        "audit entries are written again",
    ]


async def test_one_that_sql_does_not_take_holds_up_nobody(queue: AuditQueue, sql: Sql) -> None:
    sql.refused = {"2"}
    for number in range(4):
        queue.note(entry(number))
    await queue.stop()
    assert sql.rows == ["0", "1", "3"]


async def test_there_is_a_bound_and_what_is_beyond_is_in_the_log(queue: AuditQueue, sql: Sql) -> None:
    sql.is_away = True
    with capture_logs() as logs:
        for number in range(MOST + 3):
            queue.note(entry(number))
    lost: list[Any] = [line for line in logs if line["log_level"] == "error"]
    assert [line["id"] for line in lost] == [str(MOST + n) for n in range(3)]
    assert [line["id"] for line in logs if line["event"] == "audit"] == [str(n) for n in range(MOST + 3)]
    with capture_logs() as logs:
        await queue.stop()
    assert [line["count"] for line in logs if line["log_level"] == "error"] == [MOST]
