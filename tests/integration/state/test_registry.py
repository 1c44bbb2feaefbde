"""The registries of SFU nodes and web workers, and what is kept of a reading."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from tertulia.ids import HubId, NodeId
from tertulia.redis.client import Redis
from tertulia.room.placement import Node
from tertulia.state import keys
from tertulia.state.registry import DEAD_AFTER_MS, RegistryCache, Worker, sfu_nodes, web_workers

NODE = Node(id=NodeId("b"), region="eu", ip="192.0.2.1", ports=[5000], load=0.25, rooms=1, peers=2)


async def test_who_beats_is_alive_with_its_latest_figures(redis: Redis) -> None:
    nodes = sfu_nodes(redis)
    assert await nodes.alive() == []
    other = replace(NODE, id=NodeId("a"), draining=True)
    await asyncio.gather(nodes.beat(NODE), nodes.beat(other))
    await nodes.beat(replace(NODE, load=0.5))
    assert await nodes.alive() == [other, replace(NODE, load=0.5)]
    await nodes.leave("b")
    await nodes.leave("b")
    assert await nodes.alive() == [other]


async def test_all_of_one_process_beat_at_once(redis: Redis) -> None:
    nodes = sfu_nodes(redis)
    other = replace(NODE, id=NodeId("a"))
    assert await nodes.beat(other)
    assert await nodes.beat(other, NODE), "one of them is new"
    assert not await nodes.beat(other, NODE)
    [first, second] = await nodes.heard()
    assert (first.entry, second.entry) == (other, NODE)
    assert first.age == second.age


async def test_who_is_silent_is_dead_and_forgotten(redis: Redis) -> None:
    nodes = sfu_nodes(redis)
    await nodes.beat(NODE)
    await redis.call(keys.SFU_NODES.beats, "ZINCRBY", keys.SFU_NODES.beats, str(-DEAD_AFTER_MS), "b")
    assert await nodes.alive() == []
    other = replace(NODE, id=NodeId("a"))
    await nodes.beat(other)
    assert await redis.call(keys.SFU_NODES.entries, "HKEYS", keys.SFU_NODES.entries) == [b"a"]
    assert await redis.call(keys.SFU_NODES.beats, "ZCARD", keys.SFU_NODES.beats) == 1
    await nodes.beat(NODE)
    assert await nodes.alive() == [other, NODE]


async def test_the_registry_of_workers_is_another(redis: Redis) -> None:
    workers, nodes = web_workers(redis), sfu_nodes(redis)
    worker = Worker(id=HubId("h"), internal_url="http://127.0.0.1:8081")
    await workers.beat(worker)
    assert await workers.alive() == [worker]
    assert await nodes.alive() == []
    for name in keys.WEB_WORKERS:
        assert 0 < await redis.call(name, "PTTL", name) <= 60_000


async def test_an_entry_of_another_version_is_left_out(redis: Redis) -> None:
    nodes = sfu_nodes(redis)
    await nodes.beat(replace(NODE, id=NodeId("a")))
    await nodes.beat(NODE)
    await redis.call(keys.SFU_NODES.entries, "HSET", keys.SFU_NODES.entries, "a", '{"id":1}')
    assert await nodes.alive() == [NODE]


async def test_a_cache_has_what_the_registry_said(redis: Redis) -> None:
    nodes = sfu_nodes(redis)
    await nodes.beat(NODE)
    cache = RegistryCache(nodes)
    assert await cache.fresh() == {"b": NODE}
    assert await cache.find("b") == NODE
    assert await cache.find("a") is None
