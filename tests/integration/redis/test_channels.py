"""Sharded channels: confirmed subscriptions, order, gaps, and slots that move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tertulia.errors import Unavailable
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.redis.slots import slot_of
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tests.integration import servers
from tests.integration.redis.cluster import give_slot, owner_of
from tests.integration.state.rooms import new_room
from tests.waiting import PATIENCE


class Inbox:
    """What came on a channel."""

    def __init__(self) -> None:
        self.payloads: asyncio.Queue[bytes] = asyncio.Queue()
        self.gaps: asyncio.Queue[None] = asyncio.Queue()

    def on_message(self, payload: bytes) -> None:
        self.payloads.put_nowait(payload)

    def on_gap(self) -> None:
        self.gaps.put_nowait(None)

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.payloads.get(), 10)

    async def gap(self) -> None:
        await asyncio.wait_for(self.gaps.get(), 60)


@pytest.fixture
async def others(redis_url: str) -> AsyncIterator[Channels]:
    """Another process' channels."""
    redis = await connect_redis(redis_url)
    made = Channels(redis)
    yield made
    await made.close()
    await redis.close()


async def test_what_is_published_after_the_return_of_subscribe_arrives_in_order(
    channels: Channels, others: Channels
) -> None:
    inboxes = {keys.room_events(new_room()): Inbox() for _ in range(20)}
    await asyncio.gather(*(channels.subscribe(name, i.on_message, i.on_gap) for name, i in inboxes.items()))
    for n in range(50):
        for name in inboxes:
            others.publish(name, b"%d" % n)
    for inbox in inboxes.values():
        assert [await inbox.next() for _ in range(50)] == [b"%d" % n for n in range(50)]
        assert inbox.payloads.empty()
        assert inbox.gaps.empty()


async def test_what_was_published_before_the_end_arrives(redis_url: str, channels: Channels) -> None:
    inboxes = {keys.room_events(new_room()): Inbox() for _ in range(20)}
    await asyncio.gather(*(channels.subscribe(name, i.on_message, i.on_gap) for name, i in inboxes.items()))
    redis = await connect_redis(redis_url)  # in a cluster, to one server as yet
    leaving = Channels(redis)
    for name in inboxes:
        leaving.publish(name, b"goodbye")
    await leaving.close()
    await redis.close()
    for inbox in inboxes.values():
        assert await inbox.next() == b"goodbye"


async def test_a_message_goes_behind_the_calls_made_before(redis: Redis, channels: Channels) -> None:
    room, inbox = new_room(), Inbox()
    name = keys.room_events(room)
    await channels.subscribe(name, inbox.on_message, inbox.on_gap)
    script = "redis.call('SPUBLISH', KEYS[1], 'from the script')"
    calls = []
    for n in range(10):
        calls.append(redis.call(name, "EVAL", script, "1", name))
        channels.publish(name, b"%d" % n)
    await asyncio.gather(*calls)
    received = [await inbox.next() for _ in range(20)]
    assert received == [part for n in range(10) for part in (b"from the script", b"%d" % n)]


async def test_nothing_is_delivered_after_unsubscribe(channels: Channels, others: Channels) -> None:
    room, inbox, second = new_room(), Inbox(), Inbox()
    name = keys.room_events(room)
    await channels.subscribe(name, inbox.on_message, inbox.on_gap)
    others.publish(name, b"1")
    assert await inbox.next() == b"1"
    channels.unsubscribe(name)
    channels.unsubscribe(name)
    await channels.subscribe(name, second.on_message, second.on_gap)
    others.publish(name, b"2")
    assert await second.next() == b"2"
    assert inbox.payloads.empty()


async def test_whoever_publishes_may_hear_that_nobody_does(channels: Channels, others: Channels) -> None:
    name, inbox, unheard = keys.room_events(new_room()), Inbox(), asyncio.Event()
    await channels.subscribe(name, inbox.on_message, inbox.on_gap)
    others.publish(name, b"heard", lambda: pytest.fail("it was heard"))
    assert await inbox.next() == b"heard"
    channels.unsubscribe(name)
    others.publish(keys.room_events(new_room()), b"unheard", unheard.set)
    await asyncio.wait_for(unheard.wait(), PATIENCE)


async def test_subscribing_twice_is_a_mistake(channels: Channels) -> None:
    name, inbox = keys.room_events(new_room()), Inbox()
    await channels.subscribe(name, inbox.on_message, inbox.on_gap)
    with pytest.raises(ValueError, match="already subscribed"):
        await channels.subscribe(name, inbox.on_message, inbox.on_gap)


async def test_a_callback_that_fails_ends_nothing(channels: Channels) -> None:
    good, bad = Inbox(), keys.room_events(new_room())
    # The hash tag: the same connection in a cluster, too.
    name = f"room:{{{bad.split('{')[1].split('}')[0]}}}:other"

    def fail(payload: bytes) -> None:
        raise RuntimeError("a bug")

    await channels.subscribe(bad, fail, good.on_gap)
    await channels.subscribe(name, good.on_message, good.on_gap)
    channels.publish(bad, b"x")
    channels.publish(name, b"y")
    assert await good.next() == b"y"


async def test_a_broken_connection_is_a_gap(redis: Redis, channels: Channels, others: Channels) -> None:
    name, inbox = keys.room_events(new_room()), Inbox()
    await channels.subscribe(name, inbox.on_message, inbox.on_gap)
    await redis.call(name, "CLIENT", "KILL", "TYPE", "pubsub")
    await inbox.gap()
    others.publish(name, b"after")
    assert await inbox.next() == b"after"


async def test_a_restart_of_redis_is_a_gap(tmp_path: Path) -> None:
    port = servers.free_port()
    name, inbox = keys.room_events(new_room()), Inbox()
    with servers.redis(tmp_path, port) as (_, url):
        redis = await connect_redis(url)
        channels = Channels(redis)
        await channels.subscribe(name, inbox.on_message, inbox.on_gap)
    try:
        with servers.redis(tmp_path, port):
            await inbox.gap()
            assert await redis.call(name, "PUBSUB", "SHARDNUMSUB", name) == [name.encode(), 1]
            channels.publish(name, b"after")
            assert await inbox.next() == b"after"
    finally:
        await channels.close()
        await redis.close()


async def test_without_redis_a_subscription_is_refused_in_time(tmp_path: Path) -> None:
    inbox = Inbox()
    with servers.redis(tmp_path) as (_, url):
        redis = await connect_redis(url, call_seconds=0.3)
        channels = Channels(redis)
    try:
        with pytest.raises(Unavailable):
            await channels.subscribe("room:{x}:events", inbox.on_message, inbox.on_gap)
        with pytest.raises(Unavailable):
            await channels.subscribe("room:{x}:events", inbox.on_message, inbox.on_gap)
    finally:
        await channels.close()
        await redis.close()


async def test_channels_follow_a_slot_that_moves(tmp_path: Path) -> None:
    with servers.redis_cluster(tmp_path) as cluster:
        redis = await connect_redis(cluster.url)
        other = await connect_redis(cluster.url)
        channels, others = Channels(redis), Channels(other)
        try:
            room, inbox = new_room(), Inbox()
            name = keys.room_events(room)
            await channels.subscribe(name, inbox.on_message, inbox.on_gap)
            slot = slot_of(name)
            owner = await owner_of(cluster, slot)
            moved_to = next(port for port in cluster.ports if port != owner)
            await give_slot(cluster, slot, moved_to)
            others.publish(name, b"after")  # this client does not know yet
            await inbox.gap()
            others.publish(name, b"later")
            assert await inbox.next() in {b"after", b"later"}
            address = redis.address_of(name)
            assert address is not None
            assert address.port == moved_to
        finally:
            for part in (channels, others, redis, other):
                await part.close()
