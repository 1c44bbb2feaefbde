"""What is kept of a reading of a registry."""

from __future__ import annotations

import pytest

from tertulia.errors import Unavailable
from tertulia.ids import NodeId
from tertulia.room.placement import Node
from tertulia.state.registry import FRESH_SECONDS, RegistryCache


class Registry:
    """Counts how often it is read; fails where nobody is registered."""

    def __init__(self) -> None:
        self.names = ["a", "b"]
        self.readings = 0

    async def alive(self) -> list[Node]:
        self.readings += 1
        if not self.names:
            raise Unavailable("Redis does not answer")
        return [
            Node(id=NodeId(name), region="r", ip="192.0.2.1", ports=[1], load=0, rooms=0, peers=0)
            for name in self.names
        ]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[RegistryCache[Node], Registry, Clock]:
    registry, clock = Registry(), Clock()
    return RegistryCache(registry, clock), registry, clock  # type: ignore[arg-type]


async def test_a_fresh_reading_is_not_read_again() -> None:
    cache, registry, clock = made()
    assert list(await cache.fresh()) == ["a", "b"]
    registry.names = ["c"]
    clock.now += FRESH_SECONDS
    assert list(await cache.fresh()) == ["a", "b"]
    assert registry.readings == 1
    clock.now += 0.01
    assert list(await cache.fresh()) == ["c"]
    assert list(cache.entries) == ["c"]


async def test_who_is_missing_is_looked_for_again() -> None:
    cache, registry, _ = made()
    await cache.fresh()
    registry.names = ["c"]
    assert await cache.find("a") is not None
    found = await cache.find("c")
    assert found is not None
    assert found.id == "c"
    assert await cache.find("a") is None


async def test_a_failure_keeps_what_was_read_and_is_tried_again() -> None:
    cache, registry, clock = made()
    await cache.refresh()
    registry.names, clock.now = [], clock.now + 60
    with pytest.raises(Unavailable):
        await cache.fresh()
    assert list(cache.entries) == ["a", "b"]
    registry.names = ["c"]
    assert list(await cache.fresh()) == ["c"]
