"""``python -m bench.redis``: what a command to Redis costs this process, beside redis-py in the same run."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis as RedisPy

from tertulia.redis.client import Redis
from tests.integration import servers

AT_ONCE = 50
"""Commands of one turn of the event loop, as a busy hub has them."""
ROUNDS = 400
RUNS = 5


async def cost(do: Callable[[], Awaitable[object]], commands: int) -> float:
    """CPU-µs of this process for each command; the median of the runs, the first not counted."""
    runs = []
    for _ in range(RUNS + 1):
        start = time.process_time()
        for _ in range(ROUNDS):
            await do()
        runs.append((time.process_time() - start) / ROUNDS / commands * 1e6)
    return statistics.median(runs[1:])


async def measure(url: str) -> None:
    ours, theirs = await Redis.connect(url), RedisPy.from_url(url)

    async def ours_at_once() -> None:
        await asyncio.gather(*(ours.call("key", "GET", "key") for _ in range(AT_ONCE)))

    async def theirs_at_once() -> None:
        pipeline = theirs.pipeline(transaction=False)
        for _ in range(AT_ONCE):
            pipeline.get("key")
        await pipeline.execute()

    try:
        for name, mine, other, commands in (
            ("one at a time", lambda: ours.call("key", "GET", "key"), lambda: theirs.get("key"), 1),
            (f"{AT_ONCE} at once", ours_at_once, theirs_at_once, AT_ONCE),
        ):
            a, b = await cost(mine, commands), await cost(other, commands)
            print(f"{name:<15} {a:6.1f} CPU-µs a command, redis-py {b:6.1f}: {a / b:.2f} of it")
    finally:
        await ours.close()
        await theirs.aclose()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, servers.redis(Path(directory)) as (_, url):
        asyncio.run(measure(url))


if __name__ == "__main__":
    main()
