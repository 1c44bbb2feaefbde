"""The servers that other tests stand on."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import redis.asyncio as redis_client

from tests.integration import servers


async def test_every_redis_is_new_enough_and_empty(redis_url: str) -> None:
    async with redis_client.Redis.from_url(redis_url.replace("redis+cluster:", "redis:")) as client:
        assert await client.dbsize() == 0
        info = await client.info("server")
        assert int(str(info["redis_version"]).split(".")[0]) >= 7


async def test_the_cluster_serves_every_slot(redis_cluster: servers.Cluster) -> None:
    async with redis_client.RedisCluster(host="127.0.0.1", port=redis_cluster.ports[0]) as client:
        for number in range(50):
            await client.set(f"key{number}", number, ex=10)
            assert await client.get(f"key{number}") == str(number).encode()
        assert len(client.get_primaries()) == 3


async def test_each_test_has_a_database_of_its_own(postgres_server: servers.Postgres) -> None:
    """Two new databases, one table of the same name in each."""
    urls = [await asyncio.to_thread(postgres_server.new_database) for _ in range(2)]
    assert urls[0] != urls[1]
    for url in urls:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)
        await connection.execute("CREATE TABLE t (x int)")
        await connection.close(timeout=5)


def test_coturn_takes_ephemeral_credentials(turn: servers.Turn) -> None:
    user = f"{int(time.time()) + 3600}:tester"
    password = base64.b64encode(hmac.new(turn.secret.encode(), user.encode(), hashlib.sha1).digest()).decode()
    client = servers.program("turnutils_uclient", "coturn")
    argv = [client, "-y", "-u", user, "-w", password, "-p", str(turn.port), "-n", "1", "-m", "1", "127.0.0.1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + turn.server.log()
    assert "ERROR" not in done.stdout


def test_a_killed_test_run_leaves_no_server(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, pathlib, signal
            from tests.integration import servers
            with servers.redis(pathlib.Path({str(tmp_path)!r})) as (server, url), servers.postgres() as postgres:
                print(server.pid, postgres.server.pid, flush=True)
                signal.pause()
            """
        )
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=env, text=True) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        pidfds = [os.pidfd_open(pid) for pid in pids]
        run.send_signal(signal.SIGKILL)
    assert servers.all_end(pidfds, deadline=10)
