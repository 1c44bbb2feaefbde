"""Faults of SFU nodes under a call that shows and hears without a pause; each gives the pauses that it made."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import re
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from tertulia.redis.client import Redis
from tertulia.room.nodes import GONE_AFTER
from tests.chaos.caller import Caller, callers
from tests.chaos.site import Site
from tests.integration import servers

AFTER: Final = 2.0
"""Seconds for which a call is watched when all is well again."""
AWAY: Final = 5.0
"""Seconds that Redis or PostgreSQL is away."""
RECOVERS_WITHIN: Final = 30.0
"""Seconds; past that it never does."""


class Outcome(NamedTuple):
    """What a call went through."""

    gaps: list[float]
    """The longest pause of each picture and each voice, as each of the others got it; the shortest first."""
    lag: float
    """The longest pause of the callers' own process, which is a part of these."""
    fenced: int
    """What a transport said that was closed already."""

    def of_100(self, share: int) -> float:
        """So many of a hundred gaps are not longer."""
        return self.gaps[min(len(self.gaps) - 1, len(self.gaps) * share // 100)]


Fault = Callable[[Site, Redis, str, list[Caller]], Awaitable[None]]
"""Does it, and returns when everybody has the media of all others again."""


async def under(fault: Fault, site: Site, redis: Redis, people: int) -> Outcome:
    """A call under a fault, with two nodes at its beginning."""
    while len(site.nodes) < 2:
        site.start_node()
    room = await site.new_room("sfu")
    async with callers(site.url, room, people) as (call, lag):
        since = time.monotonic()
        await fault(site, redis, room, call)
        await asyncio.sleep(AFTER)
        gaps = sorted(gap for caller in call for gap in caller.gaps(call, since))
        return Outcome(gaps, lag.most(since), sum(len(caller.fenced) for caller in call))


async def moved(call: list[Caller], since: float) -> None:
    """Wait until everybody has the media of all others by another node."""
    async with asyncio.timeout(RECOVERS_WITHIN):
        while not all(len(caller.endpoints) > 1 for caller in call):
            await asyncio.sleep(0.05)
        for caller, other in itertools.permutations(call, 2):
            for seen in (caller.video[other.user], caller.sound[other.user]):
                while not (seen.at and seen.at[-1] > since + 1):
                    await asyncio.sleep(0.05)


async def node_killed(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """kill -9."""
    node = await site.node_of(redis, room)
    node.kill()
    site.nodes.remove(node)
    await moved(call, time.monotonic())


async def node_drained(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """SIGTERM, until it has ended."""
    node = await site.node_of(redis, room)
    node.signal(signal.SIGTERM)
    await moved(call, time.monotonic())
    assert await asyncio.to_thread(node.wait) == 0
    site.nodes.remove(node)


async def node_stands_still(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """SIGSTOP, until the room has long moved; then it goes on, and has much to say of its old room."""
    node = await site.node_of(redis, room)
    node.signal(signal.SIGSTOP)
    await moved(call, time.monotonic())
    await asyncio.sleep(GONE_AFTER)
    node.signal(signal.SIGCONT)
    await asyncio.to_thread(node.wait_for_log, "the SFU node was away")


async def thread_stands_still(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """The node's media thread stands still; the rest of it goes on. It ends, so that its supervisor replaces it."""
    node = await site.node_of(redis, room)
    stopped = _stop_media_thread(node)
    await moved(call, time.monotonic())
    _let_go(stopped)
    site.nodes.remove(node)
    node.kill()


async def redis_killed(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """kill -9 of Redis, which comes back empty."""
    site.kill_redis()
    await asyncio.sleep(AWAY)
    site.start_redis()
    await asyncio.sleep(AWAY)


async def flushed(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """FLUSHALL."""
    servers.flush(site.redis_url)
    await asyncio.sleep(AWAY)


async def sql_stands_still(site: Site, redis: Redis, room: str, call: list[Caller]) -> None:
    """SIGSTOP of PostgreSQL."""
    site.signal_postgres(signal.SIGSTOP)
    await asyncio.sleep(AWAY)
    site.signal_postgres(signal.SIGCONT)


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
"""From linux/ptrace.h: nothing else stops one thread of a process."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _stop_media_thread(node: servers.Server) -> int:
    for task in Path(f"/proc/{node.pid}/task").iterdir():
        if re.fullmatch(r"sfu-\d+\s*", (task / "comm").read_text()):
            thread = int(task.name)
            for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
                if _libc.ptrace(request, thread, None, None) != 0:
                    raise OSError(ctypes.get_errno(), "ptrace")
            return thread
    raise AssertionError("the node has no media thread")


def _let_go(thread: int) -> None:
    _libc.ptrace(PTRACE_DETACH, thread, None, None)
