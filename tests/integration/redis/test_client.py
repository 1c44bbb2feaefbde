"""The client against servers that are slow, gone, restarted, or elsewhere in the cluster."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tertulia.dev import valkey
from tertulia.errors import ConfigError, Unavailable
from tertulia.redis import server
from tertulia.redis.client import Redis
from tertulia.redis.slots import slot_of
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tests.integration import servers
from tests.integration.redis.cluster import Admin, give_slot, owner_of
from tests.integration.state.rooms import counts, hub_state, join, new_room, new_user


@asynccontextmanager
async def connected(url: str, call_seconds: float = 3.0) -> AsyncIterator[Redis]:
    redis = await connect_redis(url, call_seconds=call_seconds)
    try:
        yield redis
    finally:
        await redis.close()


async def test_calls_of_one_key_take_effect_in_order(redis: Redis) -> None:
    key = keys.room(new_room())
    calls = [redis.call(key, "EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", "1", key, "1") for _ in range(50)]
    assert await asyncio.gather(*calls) == list(range(1, 51))
    await redis.call(key, "DEL", key)


async def test_scripts_that_redis_forgot_are_sent_again(redis: Redis) -> None:
    rooms, room = hub_state(redis), new_room()
    await redis.call(keys.room(room), "SCRIPT", "FLUSH", "SYNC")
    await asyncio.gather(*(join(rooms, room, new_user()) for _ in range(10)))
    assert await counts(redis, room) == (10, 10, 10)


async def test_an_error_of_redis_is_unavailable(redis: Redis) -> None:
    with pytest.raises(Unavailable, match="unknown command"):
        await redis.call("x", "NOSUCHCOMMAND")
    await redis.ping()


async def test_a_caller_that_gave_up_disturbs_nobody(redis: Redis) -> None:
    first = redis.call("x", "PING")
    second = redis.call("x", "ECHO", "two")
    first.cancel()
    assert await second == b"two"


async def test_calls_wait_for_a_server_that_restarts(tmp_path: Path) -> None:
    port = servers.free_port()
    with servers.redis(tmp_path, port) as (_, url):
        redis = await connect_redis(url)
    try:
        with pytest.raises(Unavailable, match="lost"):
            await redis.call("x", "PING")  # sent before the end was noticed
        call = redis.call("x", "ECHO", "hello")
        with servers.redis(tmp_path, port):
            assert await call == b"hello"
    finally:
        await redis.close()


async def test_a_server_that_is_gone_is_unavailable_in_time(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (_, url):
        redis = await connect_redis(url, call_seconds=0.3)
    try:
        async with asyncio.timeout(2):
            with pytest.raises(Unavailable):
                await redis.ping()
            with pytest.raises(Unavailable):
                await redis.call("x", "PING")
    finally:
        await redis.close()


async def test_a_server_that_hangs_is_cut_off(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (process, url):
        async with connected(url, call_seconds=0.3) as redis:
            process.signal(signal.SIGSTOP)
            async with asyncio.timeout(2):
                results = await asyncio.gather(*(redis.call("x", "PING") for _ in range(10)), return_exceptions=True)
            assert all(isinstance(r, Unavailable) for r in results)
            process.signal(signal.SIGCONT)
            async with asyncio.timeout(20):
                await until_it_answers(redis)


async def test_calls_in_flight_fail_when_the_connection_breaks(redis_server: tuple[servers.Server, str]) -> None:
    async with connected(redis_server[1]) as redis, connected(redis_server[1]) as other:
        name = await redis.call("x", "CLIENT", "ID")
        blocked = redis.call("x", "BLPOP", "{x}:nothing", "0")
        await other.call("x", "CLIENT", "KILL", "ID", str(name))
        with pytest.raises(Unavailable, match="lost"):
            await blocked
        assert await redis.call("x", "PING") == b"PONG"


async def test_too_many_calls_are_refused_at_once(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (process, url):
        async with connected(url, call_seconds=60) as redis:
            process.signal(signal.SIGSTOP)
            calls = [redis.call("x", "PING") for _ in range(server.MAX_CALLS)]
            with pytest.raises(Unavailable, match="too many"):
                await redis.call("x", "PING")
            with pytest.raises(Unavailable, match="too many"):
                redis.post("x", "PING")
            process.signal(signal.SIGCONT)
            assert set(await asyncio.gather(*calls)) == {b"PONG"}


async def test_that_messages_are_lost_is_logged_once_and_that_they_arrive_again(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (process, url):
        async with connected(url, call_seconds=0.3) as redis:
            process.signal(signal.SIGSTOP)
            with capture_logs() as logs:
                for _ in range(2):
                    first = redis.call("x", "PING")
                    for _ in range(server.MAX_CALLS - 1):
                        redis.post("x", "PING")
                    for _ in range(3):
                        with pytest.raises(Unavailable, match="too many"):
                            redis.post("x", "PING")
                    with pytest.raises(Unavailable, match="lost|reached"):
                        await first
                process.signal(signal.SIGCONT)
                async with asyncio.timeout(20):
                    await until_it_answers(redis)
                for _ in range(3):
                    redis.post("x", "PING")
                await redis.call("x", "PING")
            about = [log["event"] for log in logs if "messages" in log["event"]]
            assert about == ["messages to Redis are lost", "messages to Redis arrive again"]


async def test_too_large_calls_are_refused_at_once(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (_, url):
        async with connected(url) as redis:
            with pytest.raises(Unavailable, match="too many"):
                await redis.call("x", "ECHO", b"x" * server.MAX_BYTES)
            assert await redis.call("x", "PING") == b"PONG"


async def test_after_close_calls_are_refused(redis_server: tuple[servers.Server, str]) -> None:
    async with connected(redis_server[1]) as redis:
        pass
    with pytest.raises(Unavailable, match="closed"):
        await redis.call("x", "PING")


async def test_that_messages_are_refused_after_close_is_no_loss(redis_server: tuple[servers.Server, str]) -> None:
    async with connected(redis_server[1]) as redis:
        pass
    with capture_logs() as logs, pytest.raises(Unavailable, match="closed"):
        redis.post("x", "PING")
    assert logs == []


async def test_a_close_that_is_cancelled_closes_all_the_same(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (process, url):
        redis = await connect_redis(url)
        process.signal(signal.SIGSTOP)
        redis.post("x", "PING")
        call = redis.call("x", "PING")
        closing = asyncio.create_task(redis.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(Unavailable, match="closed|lost"):
            await asyncio.wait_for(call, 1)
        process.signal(signal.SIGCONT)


# -- where to connect, and as whom ------------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """host:port of a Redis that asks for the password ``s3cret/@`` or for the user ``app``."""
    port = servers.free_port()
    argv = [servers.program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    argv += ["--dir", str(tmp_path), "--requirepass", "s3cret/@"]
    argv += ["--user", "app", "on", ">hidden", "allkeys", "allchannels", "allcommands"]
    with servers.running("redis", argv, tmp_path) as started:
        started.wait_for_log("Ready to accept connections")
        yield f"127.0.0.1:{port}"


async def test_password_and_user(guarded: str) -> None:
    for login in (":s3cret%2F%40", "app:hidden"):
        async with connected(f"redis://{login}@{guarded}/3") as redis:
            info = (await redis.call("x", "CLIENT", "INFO")).decode()
            assert " db=3 " in info


@pytest.mark.parametrize("login", ["", ":wrongpassword@", "app:wrongpassword@"])
async def test_a_wrong_login_is_told_without_the_password(guarded: str, login: str) -> None:
    with pytest.raises(ConfigError, match="^TERTULIA_REDIS_URL: ") as refused:
        await connect_redis(f"redis://{login}{guarded}")
    assert "wrongpassword" not in str(refused.value)


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "valkey.sock"
    with servers.running("valkey", valkey.socket_command(path), tmp_path) as started:
        started.wait_until(path.exists)
        async with connected(f"unix://{path}") as redis:
            assert await redis.call("x", "PING") == b"PONG"


async def test_a_replica_is_refused(tmp_path: Path, redis_server: tuple[servers.Server, str]) -> None:
    with servers.redis(tmp_path) as (_, url):
        async with connected(url) as redis:
            await redis.call("x", "REPLICAOF", "127.0.0.1", redis_server[1].rsplit(":", 1)[1].split("/")[0])
        with pytest.raises(ConfigError, match=r"replica|slave"):
            await connect_redis(url)


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await connect_redis(f"redis://127.0.0.1:{servers.free_port()}")


async def test_a_server_that_is_no_redis_is_unavailable() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable):
            await connect_redis(f"redis://127.0.0.1:{port}")


# -- the cluster ------------------------------------------------------------------------------------------------------


async def test_a_cluster_has_one_database(redis_cluster: servers.Cluster) -> None:
    with pytest.raises(ConfigError, match="database 0"):
        await connect_redis(f"{redis_cluster.url}/1")


async def test_any_seed_of_a_cluster_will_do(redis_cluster: servers.Cluster) -> None:
    dead = servers.free_port()
    url = f"redis+cluster://127.0.0.1:{dead},127.0.0.1:{redis_cluster.ports[2]}"
    async with connected(url) as redis:
        await redis.ping()


async def test_calls_follow_a_slot_that_moved_or_moves(tmp_path: Path) -> None:
    with servers.redis_cluster(tmp_path) as cluster:
        async with connected(cluster.url) as redis:
            room = new_room()
            slot = slot_of(keys.room(room))
            owner = await owner_of(cluster, slot)
            target = next(port for port in cluster.ports if port != owner)
            # On its way: what is not at the old owner is asked of the new one.
            async with Admin(owner) as old, Admin(target) as new:
                assert (
                    await new.say("CLUSTER", "SETSLOT", str(slot), "IMPORTING", await old.say("CLUSTER", "MYID"))
                    == "OK"
                )
                assert (
                    await old.say("CLUSTER", "SETSLOT", str(slot), "MIGRATING", await new.say("CLUSTER", "MYID"))
                    == "OK"
                )
            other = f"other:{{{room}}}"
            assert await redis.call(other, "INCR", other) == 1
            # A script whose keys are not all there has to wait until the slot has arrived.
            rooms = hub_state(redis)
            joins = asyncio.gather(*(join(rooms, room, new_user()) for _ in range(5)))
            assert await redis.call(other, "INCR", other) == 2
            assert not joins.done()
            await give_slot(cluster, slot, target)
            await joins
            assert await counts(redis, room) == (5, 5, 5)
            assert await redis.call(other, "INCR", other) == 3
            address = redis.address_of(keys.room(room))
            assert address is not None
            assert address.port == target


async def test_a_cluster_that_fails_over_serves_again(tmp_path: Path) -> None:
    with servers.redis_cluster(tmp_path) as cluster:
        room = new_room()
        owner = await owner_of(cluster, slot_of(keys.room(room)))
        with replica_of(tmp_path, cluster, owner) as replica:
            async with connected(cluster.url) as redis:
                rooms = hub_state(redis)
                await join(rooms, room, new_user())
                await redis.call(keys.room(room), "WAIT", "1", "2000")
                cluster.nodes[cluster.ports.index(owner)].kill()
                async with asyncio.timeout(60):
                    await until_it_answers(redis, keys.room(room))
                await join(rooms, room, new_user())
                assert await counts(redis, room) == (2, 2, 2)
                address = redis.address_of(keys.room(room))
                assert address is not None
                assert address.port == replica


@contextmanager
def replica_of(directory: Path, cluster: servers.Cluster, owner: int) -> Iterator[int]:
    """One more node, a replica in step with ``owner``; its port."""
    home = directory / "replica"
    home.mkdir()
    (port,) = servers.cluster_ports(1)
    argv = [servers.program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    argv += ["--dir", str(home), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
    cli = servers.program("redis-cli", "redis-tools")

    def said(*command: str) -> str:
        return subprocess.run(
            [cli, "-p", *command], capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL
        ).stdout

    def knows(other: int) -> bool:
        return f":{port}@" in said(str(other), "CLUSTER", "NODES")

    with servers.running("redis replica", argv, home) as started:
        started.wait_until(lambda: "PONG" in said(str(port), "PING"))
        said(str(port), "CLUSTER", "MEET", "127.0.0.1", str(owner))
        identity = said(str(owner), "CLUSTER", "MYID").strip()
        started.wait_until(lambda: "OK" in said(str(port), "CLUSTER", "REPLICATE", identity), what="become a replica")
        started.wait_until(lambda: "master_link_status:up" in said(str(port), "INFO", "replication"), what="be in step")
        others = [p for p in cluster.ports if p != owner]
        for other in others:
            started.wait_until(partial(knows, other), what="be known")
        yield port


async def until_it_answers(redis: Redis, key: str = "x") -> None:
    """Call until a call succeeds; each has its deadline, so this does not spin."""
    while True:
        try:
            await redis.call(key, "EXISTS", key)
            return
        except Unavailable:
            continue
