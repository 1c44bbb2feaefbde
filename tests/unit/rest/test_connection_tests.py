"""Rooms for connection tests: how many, how long, and that those left over disappear."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from tertulia.db.directory import Directory, host_of_tests
from tertulia.errors import NotFound, RateLimited, Unavailable
from tertulia.hub.hub import Hub
from tertulia.ids import RoomId, TenantId
from tertulia.rest import connection_tests
from tertulia.rest.connection_tests import AT_ONCE, BURST, LEFT_AFTER, TENANT_AT_ONCE, ConnectionTests

NOW, TENANT = datetime(2026, 11, 29, tzinfo=UTC), TenantId("tenant")


class Fleet:
    """What a directory and a hub are told."""

    def __init__(self) -> None:
        self.rooms: list[str] = []
        self.ended: list[str] = []
        self.left: list[RoomId] = []
        self.fails: Exception | None = None
        self.full: Exception | None = None

    async def tests(self, *_: Any) -> list[RoomId]:
        return self.left

    async def all_tests(self, since: datetime, until: datetime) -> list[tuple[TenantId, RoomId]]:
        assert since < until == NOW - LEFT_AFTER
        return [(TENANT, room) for room in self.left]

    async def create_room(self, tenant: TenantId, room_id: RoomId, host: str, *_: Any) -> None:
        if self.full is not None:
            raise self.full
        assert host == host_of_tests(tenant) != host_of_tests(TenantId("other"))
        self.rooms.append(room_id)

    async def delete_room(self, _tenant: TenantId, room_id: RoomId, _now: datetime) -> None:
        if self.fails is not None:
            raise self.fails
        self.rooms.remove(room_id)

    async def end_room(self, room_id: RoomId, _reason: str) -> None:
        self.ended.append(room_id)


def made(fleet: Fleet) -> ConnectionTests:
    return ConnectionTests(cast("Directory", fleet), cast("Hub", fleet))


async def test_a_test_is_over_soon_and_what_was_left_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_tests, "TEST_SECONDS", 0.01)
    fleet = Fleet()
    fleet.rooms, fleet.left = ["old"], [RoomId("old")]
    await made(fleet).open("ann", TENANT, RoomId("new"), NOW)
    assert (fleet.rooms, fleet.ended) == (["new"], ["old"])
    async with asyncio.timeout(5):
        while fleet.rooms:
            await asyncio.sleep(0)
    assert fleet.ended == ["old", "new"]


async def test_what_is_left_disappears_also_where_nobody_tests_any_more() -> None:
    fleet = Fleet()
    fleet.rooms, fleet.left = ["one", "two"], [RoomId("one"), RoomId("two")]
    await made(fleet).purge(NOW)
    assert (fleet.rooms, fleet.ended) == ([], ["one", "two"])


@pytest.mark.parametrize("trouble", [None, NotFound("gone"), Unavailable("away")])
async def test_a_worker_that_stops_ends_its_tests(trouble: Exception | None) -> None:
    fleet = Fleet()
    tests = made(fleet)
    await tests.open("ann", TENANT, RoomId("new"), NOW)
    await asyncio.sleep(0)
    fleet.fails = trouble
    await tests.stop()
    assert fleet.ended == ["new"]


async def test_there_are_few_at_a_time() -> None:
    tests = made(Fleet())

    async def opened(name: str, tenant: TenantId = TENANT) -> None:
        await tests.open(name, tenant, RoomId(f"room of {name}"), NOW)

    for _ in range(BURST):
        await opened("ann")
    with pytest.raises(RateLimited):
        await opened("ann")
    await asyncio.gather(*(opened(f"user {number}") for number in range(TENANT_AT_ONCE - BURST)))
    with pytest.raises(RateLimited) as refused:
        await opened("bob")
    for number in range(AT_ONCE - TENANT_AT_ONCE):
        await opened(f"user {number} of another", TenantId(f"tenant {number % 3}"))
    with pytest.raises(RateLimited):
        await opened("carl", TenantId("last"))
    assert refused.value.retry_after == connection_tests.TEST_SECONDS
    await asyncio.sleep(0)
    await tests.stop()
    await opened("bob")
    await asyncio.sleep(0)
    await tests.stop()


async def test_a_room_that_cannot_be_made_does_not_count() -> None:
    fleet = Fleet()
    tests = made(fleet)
    fleet.full = Unavailable("away")
    for number in range(2 * AT_ONCE):
        with pytest.raises(Unavailable):
            await tests.open(f"user {number}", TENANT, RoomId("new"), NOW)
    fleet.full = None
    await tests.open("ann", TENANT, RoomId("new"), NOW)
    await asyncio.sleep(0)
    await tests.stop()
