"""The faults that calls with continuous media go through, and what is to come of each."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tertulia.room.nodes import GONE_AFTER
from tests.chaos.call import Bar, Call, Fault
from tests.chaos.site import SEAT, all_ready
from tests.chaos.threads import media_thread_stopped
from tests.integration import servers

AWAY: Final = 5.0
"""Seconds that Redis or PostgreSQL is away."""
SETTLES: Final = SEAT + 2
"""Seconds after which whoever was timed out by an outage would have been told of."""


@contextmanager
def standing_still(send: Callable[[signal.Signals], None]) -> Iterator[None]:
    """What gets these signals stands still, and then goes on."""
    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)


# --- SFU nodes


async def node_killed(call: Call) -> None:
    """kill -9."""
    node = await call.site.node_of(call.redis, call.room)
    node.kill()
    call.site.nodes.remove(node)
    await call.moved(time.monotonic())


async def node_terminated(call: Call) -> None:
    """SIGTERM, until it has ended."""
    node = await call.site.node_of(call.redis, call.room)
    node.signal(signal.SIGTERM)
    await _drained(call, node)


async def node_drained(call: Call) -> None:
    """``tertulia sfu --drain``, until that and the node have ended."""
    node = await call.site.node_of(call.redis, call.room)
    command = servers.tertulia_argv("sfu", "--drain", await call.site.node_id(call.redis, call.room))
    # Elsewhere as a rule: here its start may not take the callers' time.
    argv, env = ("nice", "-n", "19", *command), servers.tertulia_env(call.site.settings)
    with servers.running("drain", argv, call.site.directory, env=env) as drain:
        await _drained(call, node)
        assert await asyncio.to_thread(drain.wait) == 0


async def _drained(call: Call, node: servers.Server) -> None:
    await call.moved(time.monotonic())
    assert await asyncio.to_thread(node.wait) == 0
    call.site.nodes.remove(node)


def node_stands_still(seconds: float) -> Callable[[Call], Awaitable[None]]:
    """Until the room has long moved; then it goes on, and has much to say of its old room."""

    async def cause(call: Call) -> None:
        node = await call.site.node_of(call.redis, call.room)
        stopped = time.monotonic()
        with standing_still(node.signal):
            await call.moved(stopped)
            await asyncio.sleep(max(GONE_AFTER, stopped + seconds - time.monotonic()))
        await asyncio.to_thread(node.wait_for_log, "the SFU node was away")

    return cause


async def thread_stands_still(call: Call) -> None:
    """The node's media thread stands still; the rest of it goes on. It ends, so that its supervisor replaces it."""
    node = await call.site.node_of(call.redis, call.room)
    with media_thread_stopped(node.pid):
        await call.moved(time.monotonic())
    call.site.nodes.remove(node)
    node.kill()


# --- web workers


async def worker_killed(call: Call) -> None:
    """kill -9 of the web worker to which the page is connected."""
    await _worker_gone(call, signal.SIGKILL)


async def worker_stands_still(call: Call) -> None:
    """SIGSTOP of it: its supervisor replaces it."""
    await _worker_gone(call, signal.SIGSTOP)


async def _worker_gone(call: Call, number: signal.Signals) -> None:
    hub = await call.hub_of_viewer()
    users, process = await call.users_of(hub), await call.site.process_of(call.redis, hub)
    os.kill(process, number)
    await call.have_left(hub, users)


# --- Redis and PostgreSQL


def redis_killed(seconds: float) -> Callable[[Call], Awaitable[None]]:
    """kill -9 of Redis, which comes back empty."""

    async def cause(call: Call) -> None:
        call.site.kill_redis()
        await asyncio.sleep(seconds)
        await all_ready(call.site.spawn_redis())
        await asyncio.sleep(SETTLES)

    return cause


async def redis_stopped_for_30_s(call: Call) -> None:
    """Then it goes on, and has all that it had."""
    assert call.site.redis is not None
    with standing_still(call.site.redis.signal):
        await asyncio.sleep(30)
    await asyncio.sleep(SETTLES)


async def redis_paused_for_20_s(call: Call) -> None:
    """CLIENT PAUSE."""
    await call.redis.call("x", "CLIENT", "PAUSE", "20000", "ALL")
    await asyncio.sleep(20 + SETTLES)


async def redis_out_of_memory(call: Call) -> None:
    """Redis refuses whatever needs memory, for longer than a seat lives."""
    await call.redis.call("x", "CONFIG", "SET", "maxmemory", "1")
    try:
        await asyncio.sleep(SETTLES)
    finally:
        await call.redis.call("x", "CONFIG", "SET", "maxmemory", "0")


async def flushed(call: Call) -> None:
    """FLUSHALL."""
    servers.flush(call.site.redis_url)
    await asyncio.sleep(SETTLES)


def sql_stands_still(seconds: float) -> Callable[[Call], Awaitable[None]]:
    """All of its processes."""

    async def cause(call: Call) -> None:
        with standing_still(call.site.signal_postgres):
            await asyncio.sleep(seconds)
        await asyncio.sleep(SETTLES)

    return cause


async def sql_killed_for_a_minute(call: Call) -> None:
    """kill -9 of PostgreSQL."""
    call.site.kill_postgres()
    await asyncio.sleep(60)
    await all_ready(call.site.spawn_postgres())
    await asyncio.sleep(SETTLES)


# --- everything


async def everything_killed(call: Call) -> None:
    """kill -9 of every process; all are started again at once, Redis empty."""
    site, killed = call.site, time.monotonic()
    ports, nodes = list(site.workers), len(site.nodes)
    for port in ports:
        site.kill_worker(port)
    while site.nodes:
        site.nodes.pop().kill()
    site.kill_redis()
    site.kill_postgres()
    await all_ready(site.spawn_redis(), site.spawn_postgres())
    await all_ready(*map(site.spawn_worker, ports), *[site.spawn_node() for _ in range(nodes)])
    await call.moved(killed)


BACK: Final = Bar(seconds=1.5, share=95)
"""A node is gone: its clients notice, and go to another."""
SEAMLESS: Final = Bar(seconds=0.2, share=100)
"""Media does not notice."""
STARTED_AGAIN: Final = Bar(seconds=10.0, share=100)
"""All has to start, and the page waits for up to 3 s between two attempts to return."""

NODE_KILLED: Final = Fault("SFU node: kill -9", node_killed, BACK)
EVERYTHING_KILLED: Final = Fault("everything: kill -9, and started again at once", everything_killed, STARTED_AGAIN)
QUICK: Final = (
    NODE_KILLED,
    Fault("SFU node: SIGTERM", node_terminated, SEAMLESS),
)
"""The faults that `make test` goes through."""
SLOW: Final = (
    Fault("one media thread stands still", thread_stands_still, BACK),
    Fault("web worker: kill -9", worker_killed, SEAMLESS, seat=1.0),
    Fault("SFU node stands still, and comes back", node_stands_still(0), BACK),
    Fault("SFU node: `tertulia sfu --drain`", node_drained, SEAMLESS),
    Fault("web worker stands still", worker_stands_still, SEAMLESS, seat=5.0),
    Fault("Redis has no memory left for 8 s", redis_out_of_memory, SEAMLESS),
    EVERYTHING_KILLED,
    Fault("Redis: kill -9, back empty after 5 s", redis_killed(AWAY), SEAMLESS),
    Fault("FLUSHALL", flushed, SEAMLESS),
    Fault("PostgreSQL stands still for 5 s", sql_stands_still(AWAY), SEAMLESS),
)
OUTAGES: Final = (
    Fault("Redis: kill -9, back empty after 60 s", redis_killed(60), SEAMLESS),
    Fault("Redis stands still for 30 s", redis_stopped_for_30_s, SEAMLESS),
    Fault("Redis is paused for 20 s", redis_paused_for_20_s, SEAMLESS),
    Fault("PostgreSQL stands still for 60 s", sql_stands_still(60), SEAMLESS),
    Fault("PostgreSQL: kill -9, back after 60 s", sql_killed_for_a_minute, SEAMLESS),
    Fault("SFU node stands still for 20 s, and comes back", node_stands_still(20), BACK),
)
"""As long as real ones."""
