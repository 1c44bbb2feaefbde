import asyncio

import pytest

from tertulia.http.cached import FRESH_SECONDS, Cached


class MakingFailed(Exception):
    pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_it_is_made_once_a_moment_however_many_ask() -> None:
    clock, made = Clock(), 0

    async def make() -> int:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        return made

    cached = Cached(make, clock)
    assert await asyncio.gather(*(cached.get() for _ in range(100))) == [1] * 100
    clock.now += FRESH_SECONDS
    assert await cached.get() == 1
    clock.now += 0.01
    assert await asyncio.gather(*(cached.get() for _ in range(100))) == [2] * 100


async def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    gate = asyncio.Event()

    async def make() -> int:
        await gate.wait()
        return 7

    cached = Cached(make, Clock())
    gone, waits = asyncio.create_task(cached.get()), asyncio.create_task(cached.get())
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    assert await waits == 7


async def test_a_failure_is_everyones_and_passes() -> None:
    clock = Clock()

    async def make() -> int:
        if clock.now == 0:
            raise MakingFailed
        return 1

    cached = Cached(make, clock)
    for _ in range(2):
        with pytest.raises(MakingFailed):
            await cached.get()
    clock.now += FRESH_SECONDS + 0.01
    assert await cached.get() == 1
