"""Redis away, hanging, or emptied; a hub killed: the meeting goes on, and nobody sees ghosts or misses anyone."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tertulia.errors import Unavailable
from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.chaos.person import PATIENCE, Person, all_see_all, people
from tests.chaos.site import EMPTY, KEEP_ALIVE, SEAT, Site, site
from tests.integration import servers

SLACK = 5.0
"""Seconds that a busy machine may be late."""
SEED = 12


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture
async def redis(running: Site) -> AsyncIterator[Redis]:
    client = await connect_redis(running.redis_url)
    yield client
    await client.close()


async def truth(running: Site, redis: Redis, room: str, present: list[Person]) -> None:
    """Wait until Redis has exactly these people; the count is the size at every look."""
    users = {person.user for person in present}
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                count, length, found = await running.seats(redis, room)
            except Unavailable:
                continue
            if found == users:
                assert count == length == len(users)
                return
            await present[0].until(lambda: True)
            await asyncio.sleep(0.1)  # another process: there is nothing to await


async def test_redis_restarts_empty(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    async with people(running, room, 6, seed=1) as present:
        before = [len(person.left) for person in present]
        running.kill_redis()
        running.start_redis()
        await truth(running, redis, room, present)
        await present[0].say("after")
        for person in present:
            await person.until(lambda person=person: "after" in person.chat)  # type: ignore[misc]
        late = Person(running, room, running.ports[1], random.Random(0))
        await late.arrive()
        present.append(late)
        await all_see_all(present)
        await asyncio.sleep(SEAT + 1)  # longer than a seat lives: whom nobody restored would be timed out by now
        await all_see_all(present)
        assert [len(person.left) for person in present[:-1]] == before
        assert all(not person.returned for person in present), "no connection had to be made again"


async def test_redis_hangs_for_longer_than_a_seat_lives(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    async with people(running, room, 4, seed=2) as present:
        assert running.redis is not None
        running.redis.signal(signal.SIGSTOP)
        began = time.monotonic()
        client = present[0].client
        assert client is not None
        assert await client.refused("UpdateState", {"isMuted": True}) == "internal"
        assert time.monotonic() - began < 3 + SLACK, "a call fails by its deadline"
        await asyncio.sleep(SEAT + 1)
        running.redis.signal(signal.SIGCONT)
        await truth(running, redis, room, present)
        await asyncio.sleep(SEAT)
        await all_see_all(present)
        assert all(not person.left for person in present), "an outage times nobody out"


async def test_redis_has_no_memory_left(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    async with people(running, room, 4, seed=6) as present:
        await redis.call("x", "CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(Unavailable, match="OOM"):
                await redis.call("x", "SET", "x", "y")
            await present[0].cut()
            await asyncio.sleep(2 * SEAT)  # longer than a seat lives without KeepAlive
            await present[0].until(lambda: len(present[0].returned) == 1)
            await present[1].update(True, True)
            await present[2].until(lambda: present[2].roster[present[1].user] == (True, True))
        finally:
            await redis.call("x", "CONFIG", "SET", "maxmemory", "0")
        await truth(running, redis, room, present)
        assert all(not person.left for person in present), "who is connected is not shown leaving"


async def test_a_flush_is_made_good_within_a_second(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    async with people(running, room, 6, seed=7) as present:
        servers.flush(running.redis_url)
        began = time.monotonic()
        await truth(running, redis, room, present)
        assert time.monotonic() - began < 1 + SLACK / 5
        assert all(not person.left for person in present)


async def test_a_running_meeting_needs_no_sql(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    async with people(running, room, 4, seed=8) as present:
        late = Person(running, room, present[0].port, random.Random(9))
        await late.get_token()
        running.signal_postgres(signal.SIGSTOP)
        try:
            await present[0].cut()
            began = time.monotonic()
            await present[0].until(lambda: len(present[0].returned) == 1)
            await late.arrive()
            assert time.monotonic() - began < 3 + 2
            present.append(late)
            await all_see_all(present)
            await asyncio.sleep(SEAT + 1)
            await late.update(True, True)
            await present[2].until(lambda: present[2].roster[late.user] == (True, True))
        finally:
            running.signal_postgres(signal.SIGCONT)
        await truth(running, redis, room, present)
        assert all(not person.left for person in present)


async def test_a_flush_under_load(running: Site, redis: Redis) -> None:
    room, rng = await running.new_room(), random.Random(3)
    async with people(running, room, 6, seed=3) as present:
        for i in range(30):
            person = rng.choice(present)
            await person.update(rng.random() < 0.5, rng.random() < 0.5)
            if i % 10 == 5:
                servers.flush(running.redis_url)
        # One last change each, when all is restored: then everyone must show the same.
        await truth(running, redis, room, present)
        for person in present:
            await person.update(True, False)
            await person.update(False, True)
        for person in present:
            await person.until(lambda person=person: set(person.roster.values()) == {(False, True)})  # type: ignore[misc]
        assert all(not person.left for person in present)


async def test_a_hub_is_killed(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    stays, dies = running.ports
    async with people(running, room, 6, seed=4) as present:
        victims = [person for person in present if person.port == dies]
        gone = victims[0]
        await gone.stop()
        running.kill_worker(dies)
        killed = time.monotonic()
        rest = [person for person in present if person is not gone]
        for person in rest:
            await person.until(lambda person=person: (gone.user, "timeout") in person.left)  # type: ignore[misc]
        assert time.monotonic() - killed < 1.5 * SEAT + SLACK
        for person in victims[1:]:
            await person.until(lambda person=person: bool(person.returned))  # type: ignore[misc]
            assert person.returned[0].get("missed") is True, "what the dead hub had kept is lost, and is said to be"
        await all_see_all(rest)
        await truth(running, redis, room, rest)
        for person in rest:
            assert person.left == [(gone.user, "timeout")], "who came back within the seat's time was never gone"
        running.start_worker(dies)
        assert stays in running.workers


async def test_everything_dies_and_the_session_is_closed(running: Site, redis: Redis) -> None:
    room = await running.new_room()
    async with people(running, room, 2, seed=5) as present:
        for person in present:
            await person.stop()
        for port in running.ports:
            running.kill_worker(port)
        servers.flush(running.redis_url)
        for port in running.ports:
            running.start_worker(port)
        async with asyncio.timeout(PATIENCE):
            while (found := await running.rest("GET", f"/v1/rooms/{room}/sessions"))[0]["endTime"] is None:
                await asyncio.sleep(0.5)  # another process: there is nothing to await
        assert len(found) == 1
        assert (await running.rest("GET", f"/v1/rooms/{room}"))["status"] == "COMPLETED"


async def test_one_fault_after_another(running: Site, redis: Redis) -> None:
    """Cuts, flushes, restarts of Redis and of hubs, people who come and go: in the end everyone sees who is there."""
    rng = random.Random(SEED)
    room = await running.new_room()
    async with people(running, room, 6, seed=SEED) as present:
        for _ in range(12):
            fault = rng.choice(["cut", "cut", "flush", "redis", "hub", "come", "go", "talk"])
            if fault == "cut":
                await rng.choice(present).cut()
            elif fault == "flush":
                servers.flush(running.redis_url)
            elif fault == "redis":
                running.kill_redis()
                running.start_redis()
            elif fault == "hub":
                port = rng.choice(running.ports)
                running.kill_worker(port)
                running.start_worker(port)
            elif fault == "come":
                person = Person(running, room, rng.choice(running.ports), random.Random(rng.random()))
                await arrive_in_the_end(person)
                present.append(person)
            elif fault == "go" and len(present) > 3:
                await present.pop(rng.randrange(len(present))).leave()
            for person in present:
                await person.update(rng.random() < 0.5, rng.random() < 0.5)
            await asyncio.sleep(rng.random())
        await truth(running, redis, room, present)
        await all_see_all(present, PATIENCE + 2 * SEAT)
    async with asyncio.timeout(PATIENCE + EMPTY + 2 * SEAT + KEEP_ALIVE):
        while (await running.rest("GET", f"/v1/rooms/{room}"))["status"] != "COMPLETED":
            await asyncio.sleep(0.5)  # another process: there is nothing to await
    assert all(s["endTime"] for s in await running.rest("GET", f"/v1/rooms/{room}/sessions"))
    left = await redis.call("x", "KEYS", f"*{room}*")
    assert left == [], "nothing of a dead meeting outlives it"


async def arrive_in_the_end(person: Person) -> None:
    """Join, again if Redis or the hub is away just now."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await person.arrive()
                return
            except Exception:
                await asyncio.sleep(0.2)
