"""A process with several nodes, one of which fails: the others go on until their clients can go to another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from tertulia.errors import Unavailable
from tertulia.ids import NodeId, RoomId
from tertulia.room.nodes import GONE_AFTER
from tertulia.room.placement import GivenUp, Node
from tertulia.sfu import process
from tertulia.state import registry
from tertulia.state.registry import Heard
from tests.waiting import PATIENCE, until


def entry(name: str, *, draining: bool = False) -> Node:
    return Node(id=NodeId(name), region="r", ip="192.0.2.1", ports=[1], load=0.0, rooms=0, peers=0, draining=draining)


class Thread:
    """A node with a client."""

    def __init__(self, name: str) -> None:
        self.id = NodeId(name)
        self.failure: str | None = None
        self.peers = 1
        self.beats: list[Callable[[], Any]] = []
        """What comes of the next heartbeats."""
        self.was_away_at: list[float] = []
        self.costs: dict[RoomId, float] | None = None
        """What may go, as long as there is too much to do."""
        self.given: GivenUp | None = None
        self.knew: list[Node] = []
        """The nodes that it could choose from."""

    async def open(self) -> None:
        pass

    def tell(self) -> None:
        pass

    def close(self) -> None:
        pass

    def look(self, now: float) -> None:
        pass

    def was_away(self, now: float) -> None:
        self.was_away_at.append(now)

    def entry(self, now: float, *, draining: bool) -> Node:
        return entry(self.id, draining=draining)

    def too_much(self, now: float) -> Mapping[RoomId, float] | None:
        return self.costs

    def give_up(self, costs: Mapping[RoomId, float], nodes: Collection[Node], now: float) -> None:
        self.knew, self.costs = [*nodes], None
        self.given = GivenUp(rooms=[*costs], to=NodeId("other"), load=0.1)

    async def beaten(self, now: float, *, draining: bool) -> None:
        if self.beats:
            await self.beats.pop()()

    async def stop(self) -> None:
        pass


class Site:
    """A process with its nodes, and the registry."""

    def __init__(self, *names: str) -> None:
        self.threads = [Thread(name) for name in names]
        self.stop = asyncio.Event()
        self.others: list[Node] = []
        self.entries: dict[NodeId, Node] = {}
        self.said: list[list[str]] = []
        """Which of them drained, in each heartbeat."""
        self._beaten = asyncio.Condition()

    async def beat(self, *entries: Node) -> None:
        self.entries = {node.id: node for node in entries}
        self.said.append([node.id for node in entries if node.draining])
        async with self._beaten:
            self._beaten.notify_all()

    async def heard(self) -> list[Heard[Node]]:
        return [Heard(node, 0.0) for node in [*self.entries.values(), *self.others]]

    async def alive(self) -> list[Node]:
        return [*self.entries.values(), *self.others]

    async def leave(self, node: NodeId) -> None:
        del self.entries[node]

    async def close(self) -> None:
        """Its channels."""

    async def heartbeats(self, count: int) -> None:
        until = len(self.said) + count
        async with self._beaten:
            await self._beaten.wait_for(lambda: len(self.said) >= until)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Site], asyncio.Task[None]]:
    monkeypatch.setattr(registry, "BEAT_SECONDS", 0.01)

    def started(site: Site) -> asyncio.Task[None]:
        redis: Any = site
        monkeypatch.setattr(registry, "sfu_nodes", lambda _: redis)
        threads: Any = site.threads
        return asyncio.create_task(process.Process(redis, redis, threads, site.stop).run())

    return started


async def test_where_there_is_no_other_process_the_nodes_that_are_well_go_on(
    run: Callable[[Site], asyncio.Task[None]],
) -> None:
    site = Site("a", "b")
    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        site.threads[0].failure = "it stands still"
        site.threads[0].peers = 0
        await site.heartbeats(10)
        assert site.said[-8:] == [["a"]] * 8
        site.others = [entry("other", draining=True)]
        await site.heartbeats(5)
        assert site.said[-4:] == [["a"]] * 4
        site.others = [entry("other")]
        await site.heartbeats(5)
        assert site.said[-4:] == [["a", "b"]] * 4
        assert not running.done()
        site.threads[1].peers = 0
        with pytest.raises(Unavailable, match="it stands still"):
            await running
    assert site.entries == {}


async def test_what_one_node_gives_up_the_next_one_knows(run: Callable[[Site], asyncio.Task[None]]) -> None:
    site = Site("a", "b")
    site.others = [entry("other")]
    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        for thread in site.threads:
            thread.costs = {RoomId(f"room of {thread.id}"): 0.1}
        await site.heartbeats(2)
        seen = [{node.id: node.gives_up and node.gives_up.rooms for node in thread.knew} for thread in site.threads]
        assert seen == [{"a": None, "b": None, "other": None}, {"a": ["room of a"], "b": None, "other": None}]
        site.stop.set()
        for thread in site.threads:
            thread.peers = 0
        await running


async def test_with_another_process_all_drain_together(run: Callable[[Site], asyncio.Task[None]]) -> None:
    site = Site("a", "b")
    site.others = [entry("other")]
    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        site.threads[0].failure = "it stands still"
        await site.heartbeats(5)
        assert {*map(tuple, site.said)} == {(), ("a", "b")}
        for thread in site.threads:
            thread.peers = 0
        with pytest.raises(Unavailable):
            await running


@pytest.mark.parametrize("names", ["a", "ab"])
async def test_where_no_node_is_well_the_process_ends(names: str, run: Callable[[Site], asyncio.Task[None]]) -> None:
    site = Site(*names)
    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        for thread in site.threads:
            thread.failure = "it stands still"
        with pytest.raises(Unavailable):
            await running


async def test_a_process_that_waits_for_another_can_be_stopped(run: Callable[[Site], asyncio.Task[None]]) -> None:
    site = Site("a", "b")
    async with asyncio.timeout(PATIENCE):
        running = run(site)
        site.threads[0].failure = "it stands still"
        await site.heartbeats(5)
        site.stop.set()
        await running
    assert site.entries == {}


async def test_a_process_that_was_asked_to_end_ends_well_whatever_fails_meanwhile(
    run: Callable[[Site], asyncio.Task[None]],
) -> None:
    site = Site("a", "b")
    site.others = [entry("other")]
    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        site.stop.set()
        await site.heartbeats(5)
        site.threads[0].failure = "it stands still"
        await site.heartbeats(5)
        for thread in site.threads:
            thread.peers = 0
        await running


class Clock:
    """That of the process."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads = 0

    def monotonic(self) -> float:
        self.reads += 1
        return self.now

    async def passes(self, seconds: float) -> None:
        """At once; and it has been read again since."""
        self.now += seconds
        reads = self.reads
        await until(lambda: self.reads > reads + 1)


async def test_to_wait_for_redis_is_not_to_stand_still(
    run: Callable[[Site], asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, site = Clock(), Site("a", "b")
    monkeypatch.setattr(process, "time", clock)
    is_hanging, goes_on = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        is_hanging.set()
        await goes_on.wait()

    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        site.threads[0].beats = [hangs]
        await is_hanging.wait()
        for _ in range(5):
            await clock.passes(GONE_AFTER - 0.1)
        goes_on.set()
        await site.heartbeats(2)
        assert [thread.was_away_at for thread in site.threads] == [[], []]
        clock.now += GONE_AFTER + 0.1
        await until(lambda: site.threads[1].was_away_at)
        assert [thread.was_away_at for thread in site.threads] == [[clock.now], [clock.now]]
        site.stop.set()
        await running


async def test_what_one_node_does_after_a_heartbeat_ends_before_the_next_though_another_fails(
    run: Callable[[Site], asyncio.Task[None]],
) -> None:
    site = Site("a", "b")
    has_failed, goes_on, has_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def fails() -> None:
        has_failed.set()
        raise Unavailable("Redis is away")

    async def is_slow() -> None:
        await goes_on.wait()
        has_ended.set()

    async with asyncio.timeout(PATIENCE):
        running = run(site)
        await site.heartbeats(2)
        site.threads[0].beats, site.threads[1].beats = [fails], [is_slow]
        await has_failed.wait()
        beats = len(site.said)
        await asyncio.sleep(5 * registry.BEAT_SECONDS)
        assert len(site.said) == beats
        goes_on.set()
        await site.heartbeats(2)
        assert has_ended.is_set()
        site.stop.set()
        await running
