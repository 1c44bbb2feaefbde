"""What a call does not notice: Redis and PostgreSQL away for as long as outages last, an SFU node that stands still for
20 s and comes back."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.chaos import media_faults
from tests.chaos.caller import Caller, callers
from tests.chaos.media_faults import AFTER, Fault
from tests.chaos.site import SEAT, Site, site

PEOPLE = 4
SEAMLESS = 0.2
"""Seconds for which media may pause where no SFU node is concerned."""
BACK_WITHIN = 1.5
"""Where one is: 95 of 100 media streams are back by then."""
SLACK = 0.5
SETTLES = SEAT + 2
"""Seconds after which whoever was timed out by the outage would have been told of."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("outages"), nodes=2) as started:
        yield started


@pytest.fixture
async def redis(running: Site) -> AsyncIterator[Redis]:
    client = await connect_redis(running.redis_url)
    yield client
    await client.close()


async def redis_killed_for_a_minute(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    site.kill_redis()
    await asyncio.sleep(60)
    site.start_redis()


async def redis_stopped_for_30_s(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    assert site.redis is not None
    site.redis.signal(signal.SIGSTOP)
    await asyncio.sleep(30)
    site.redis.signal(signal.SIGCONT)


async def redis_paused_for_20_s(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    await redis.call("x", "CLIENT", "PAUSE", "20000", "ALL")
    await asyncio.sleep(20)


async def sql_stopped_for_a_minute(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    site.signal_postgres(signal.SIGSTOP)
    await asyncio.sleep(60)
    site.signal_postgres(signal.SIGCONT)


async def node_stopped_for_20_s(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    node = await site.node_of(redis, room)
    stopped = time.monotonic()
    node.signal(signal.SIGSTOP)
    await media_faults.moved(call, stopped)
    await asyncio.sleep(stopped + 20 - time.monotonic())
    node.signal(signal.SIGCONT)
    await asyncio.to_thread(node.wait_for_log, "the SFU node was away")


@pytest.mark.parametrize(
    ("fault", "bar"),
    [
        (redis_killed_for_a_minute, SEAMLESS),
        (redis_stopped_for_30_s, SEAMLESS),
        (redis_paused_for_20_s, SEAMLESS),
        (sql_stopped_for_a_minute, SEAMLESS),
        (node_stopped_for_20_s, BACK_WITHIN),
    ],
)
async def test_a_call_goes_on(running: Site, redis: Redis, fault: Fault, bar: float) -> None:
    room = await running.new_room("sfu")
    async with callers(running.url, room, PEOPLE) as (call, lag):
        since = time.monotonic()
        await fault(running, redis, room, call)
        await asyncio.sleep(SETTLES + AFTER)
        gaps = sorted(gap for caller in call for gap in caller.gaps(call, since))
        sys.stdout.write(f"{fault.__name__}: {gaps}, callers late by {lag.most(since):.2f} s\n")
        assert gaps[min(len(gaps) - 1, len(gaps) * 95 // 100)] <= bar + SLACK + lag.most(since)
        assert [caller.left for caller in call] == [[]] * PEOPLE, "nobody is shown leaving"
        assert not any(caller.fenced for caller in call)
        count, length, users = await running.seats(redis, room)
        assert count == length == PEOPLE and users == {caller.user for caller in call}
