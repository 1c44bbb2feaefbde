"""What faults do to people, measured without libwebrtc: seconds until each of them has what the fault took."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

from bench.callers import calling
from tertulia.errors import Unavailable
from tertulia.redis.client import Redis
from tests.chaos.person import Person, people
from tests.chaos.site import Site
from tests.integration import servers

FEW: Final = 6
MANY: Final = 50
PUBLISHERS: Final = 4
"""Of the many."""
CALM: Final = 3.0
"""Seconds before and after a fault for which media flows."""
RECOVERS_WITHIN: Final = 30.0


async def flushed(site: Site, redis: Redis) -> list[float]:
    """FLUSHALL: until Redis has each one again."""
    room = await site.new_room()
    async with people(site, room, FEW, seed=1) as present:
        servers.flush(site.redis_url)
        began, back = time.monotonic(), dict[str, float]()
        async with asyncio.timeout(RECOVERS_WITHIN):
            while len(back) < len(present):
                with suppress(Unavailable):
                    _, _, found = await site.seats(redis, room)
                    for user in found - back.keys():
                        back[user] = time.monotonic() - began
        return list(back.values())


async def sql_stopped(site: Site, _redis: Redis) -> list[float]:
    """PostgreSQL stands still: until each one whose connection breaks then has their seat again."""
    room = await site.new_room()
    async with people(site, room, FEW, seed=2) as present:
        site.signal_postgres(signal.SIGSTOP)
        try:
            return await asyncio.gather(*[_returned(person) for person in present])
        finally:
            site.signal_postgres(signal.SIGCONT)


async def _returned(person: Person) -> float:
    began = time.monotonic()
    await person.cut()
    await person.until(lambda: bool(person.returned), RECOVERS_WITHIN)
    return time.monotonic() - began


async def node_killed(site: Site, redis: Redis) -> list[float]:
    """kill -9 of the SFU node of many: the longest pause of each one's video."""
    while len(site.nodes) < 2:
        site.start_node()
    room = await site.new_room("sfu")
    users = [str(uuid.uuid4()) for _ in range(MANY)]
    tickets = [{"roomId": room, "userId": user, "token": await site.token(room, user)} for user in users]
    url = site.url.replace("http", "ws", 1) + "/ws"
    async with calling(url, tickets, PUBLISHERS) as (callers, media):
        await asyncio.sleep(CALM)
        await media.gaps()
        node = await site.node_of(redis, room)
        node.kill()
        site.nodes.remove(node)
        async with asyncio.timeout(RECOVERS_WITHIN):
            for caller in callers:
                await caller.moved()
        await asyncio.sleep(CALM)
        return await media.gaps()


class Row(NamedTuple):
    """A fault, what it is called, and the bar in seconds for 95 of 100 people."""

    measure: Callable[[Site, Redis], Awaitable[list[float]]]
    name: str
    bar: float


ROWS: Final = (
    Row(flushed, f"FLUSHALL: {FEW} people are in Redis again", 1.0),
    Row(sql_stopped, f"PostgreSQL stands still: {FEW} people return to their seats", 3.0),
    Row(node_killed, f"SFU node of {MANY} people: kill -9", 1.5),
)
