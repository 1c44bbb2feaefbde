"""The model of Redis does what the scripts do: the same random calls, on a real server and on the model.

After every step the replies, the messages on the channel and the keys are compared; what depends on the time to
the millisecond is compared as an age. Of calls that race each other there must be an order in which the model answers
the same.
"""

from __future__ import annotations

import random
import time

from tertulia.errors import UserRemoved
from tests.integration.state.pair import Clients, Pair
from tests.integration.state.player import SILENT_MS, Ages, Call, Player

ROOMS = 60
"""For each kind of server."""
STEPS = 60
JUMPS_MS = (4_000, 8_000, 12_000, 32_000, 64_000)
"""Multiples of 4 s, so that no threshold (10, 30, 62, 90 s) is nearer than the time that a room's steps may take."""
LASTS_SECONDS = 1.5
"""A room is left alone when its steps have taken that long."""


async def play(pair: Pair, rng: random.Random) -> int:
    """Let a room live for a while; how many steps that were."""
    player = Player(rng)
    start = time.monotonic()
    for step in range(STEPS):
        if time.monotonic() - start > LASTS_SECONDS:
            return step
        what = rng.random()
        if what < 0.09:
            await pair.jump(rng.choice(JUMPS_MS))
        elif what < 0.12:
            await sweep(pair, rng)
        elif what < 0.15:
            await pair.delete(rng.randrange(6))
        elif what < 0.17:
            await pair.delete(0, 1, 2, 3, 4, 5)
        elif what < 0.25:
            calls = [player.call() for _ in range(rng.randint(2, 4))]
            for call, reply in zip(calls, await pair.race(calls), strict=True):
                player.learn(call, reply)
        else:
            call = player.call()
            player.learn(call, await pair.call(call))
    return STEPS


async def sweep(pair: Pair, rng: random.Random) -> None:
    """Let time pass in which a hub sweeps and nobody keeps alive."""
    for _ in range(rng.randint(2, 5)):
        await pair.jump(rng.choice(JUMPS_MS[:2]))
        await pair.call(Call(0, "expire", (SILENT_MS,)))


async def test_the_model_answers_as_the_scripts_do(redis_url: str) -> None:
    clients = await Clients.connect(redis_url)
    try:
        steps = 0
        for seed in range(ROOMS):
            async with Pair(clients) as pair:
                pair.log.append(f"seed {seed}")
                steps += await play(pair, random.Random(seed))
        assert steps > ROOMS * STEPS / 2, "the machine is too slow to say anything"
    finally:
        await clients.close()


async def test_a_difference_is_seen(redis_url: str) -> None:
    """The comparison itself can fail: a model that forgets to void tokens is found out."""
    clients = await Clients.connect(redis_url)
    try:
        async with Pair(clients) as pair:
            player = Player(random.Random(1))
            call = player.join()
            call.more["entry"] = "open"
            joined = await pair.call(call)
            user = joined.participant.user_id
            await pair.call(Call(0, "remove", (user,)))
            late = call._replace(ages=Ages(2_000))
            assert await pair.call(late) is UserRemoved
            pair.model.keys(pair.room).removed.clear()
            failure = ""
            try:
                await pair.call(late)
            except AssertionError as e:
                failure = str(e)
            assert "replies differ" in failure
    finally:
        await clients.close()
