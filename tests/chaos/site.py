"""A site: ``tertulia web``, one Redis, one PostgreSQL, SFU nodes if wanted.

All can be killed and come back.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tertulia.ids import RoomId
from tertulia.redis.client import Redis
from tertulia.state import keys, registry
from tests.integration import servers
from tests.processes import below

KEEP_ALIVE = 2
"""Seconds. Three missed end a seat: short for a test, long for a busy machine."""
SEAT = 3 * KEEP_ALIVE
EMPTY = 3
"""Seconds that an empty room waits."""


@dataclass
class Site:
    """The processes, by port. All calls are without credentials: the workers run open, on loopback.

    What is spawned has to start yet; what is started serves.
    """

    directory: Path
    settings: dict[str, str]
    redis_port: int
    postgres_files: servers.PostgresFiles
    workers_each: int
    """How many workers each ``tertulia web`` has: more than one are replaced by it when they end or stand still."""
    stack: ExitStack
    ports: list[int] = field(default_factory=list)
    workers: dict[int, servers.Tertulia] = field(default_factory=dict)
    """The ``tertulia web`` that were started and not killed since."""
    redis: servers.Server | None = None
    postgres: servers.Server | None = None
    nodes: list[servers.Server] = field(default_factory=list)
    """The SFU nodes that were started and not killed since."""

    def spawn_node(self) -> servers.Server:
        """One more SFU node."""
        node = self.stack.enter_context(servers.tertulia_sfu_started(self.directory, settings=self.settings))
        self.nodes.append(node)
        return node

    def start_node(self) -> None:
        """One more SFU node, registered."""
        self.spawn_node().wait_until_ready()

    async def node_of(self, redis: Redis, room: str) -> servers.Server:
        """The node on which a room lives."""
        lives_on = await self.node_id(redis, room)
        return next(node for node in self.nodes if lives_on in node.log())

    async def node_id(self, redis: Redis, room: str) -> str:
        """Its id."""
        lives_on = await redis.call(keys.room(RoomId(room)), "HGET", keys.room(RoomId(room)), "sfuNode")
        return str(lives_on.decode())

    def spawn_redis(self) -> servers.Server:
        self.redis = self.stack.enter_context(servers.redis_started(self.directory, self.redis_port))
        return self.redis

    def start_redis(self) -> None:
        self.spawn_redis().wait_until_ready()

    def kill_redis(self) -> None:
        assert self.redis is not None
        self.redis.kill()

    def spawn_worker(self, port: int) -> servers.Server:
        """``tertulia web``, again on the port it had."""
        arguments = ("--workers", str(self.workers_each))
        started = servers.tertulia_web_started(self.directory, *arguments, settings=self.settings, port=port)
        self.workers[port] = self.stack.enter_context(started)
        return self.workers[port].server

    def start_worker(self, port: int) -> None:
        self.spawn_worker(port).wait_until_ready()

    def kill_worker(self, port: int) -> None:
        """kill -9 of a ``tertulia web``, with all of its workers."""
        self.workers.pop(port).server.kill()

    async def hubs(self, redis: Redis, room: str) -> dict[str, str]:
        """By which worker each member of a room is connected."""
        people = keys.room_keys(RoomId(room))[1]
        flat = await redis.call(people, "HGETALL", people)
        return {u.decode(): str(msgspec.json.decode(p)["hub"]) for u, p in zip(flat[::2], flat[1::2], strict=True)}

    async def process_of(self, redis: Redis, hub: str) -> int:
        """The process of a worker, by its id."""
        worker = next(worker for worker in await registry.web_workers(redis).alive() if worker.id == hub)
        port = int(worker.internal_url.rsplit(":", maxsplit=1)[1])
        return _listener([pid for web in self.workers.values() for pid in below(web.server.pid)], port)

    def spawn_postgres(self) -> servers.Server:
        self.postgres = self.stack.enter_context(servers.postgres_started(self.postgres_files))
        return self.postgres

    def signal_postgres(self, number: signal.Signals) -> None:
        """To all of its processes: each has a session of its own."""
        assert self.postgres is not None
        for pid in below(self.postgres.pid):
            os.kill(pid, number)

    def kill_postgres(self) -> None:
        """kill -9 of all of its processes: it does not start again beside one of them."""
        assert self.postgres is not None
        self.signal_postgres(signal.SIGKILL)
        self.postgres.kill()

    @property
    def redis_url(self) -> str:
        return self.settings["TERTULIA_REDIS_URL"]

    async def rest(self, method: str, path: str, body: Any = None) -> Any:
        """A call to whichever worker is there."""
        port = next(iter(self.workers))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

    @property
    def url(self) -> str:
        """Of a worker that is there."""
        return f"http://127.0.0.1:{next(iter(self.workers))}"

    async def new_room(self, topology: str = "p2p") -> str:
        body = {"hostId": str(uuid.uuid4()), "settings": {"topology": topology}}
        return str((await self.rest("POST", "/v1/rooms", body))["roomId"])

    async def token(self, room: str, user: str, name: str = "Guest") -> str:
        body = {"userId": user, "displayName": name}
        return str((await self.rest("POST", f"/v1/rooms/{room}/join", body))["token"])

    async def seats(self, redis: Redis, room: str) -> tuple[int, int, set[str]]:
        """participantCount, HLEN and the members in Redis."""
        name, people, *_ = keys.room_keys(RoomId(room))
        count, length, users = await asyncio.gather(
            redis.call(name, "HGET", name, "participantCount"),
            redis.call(people, "HLEN", people),
            redis.call(people, "HKEYS", people),
        )
        return int(count or 0), length, {user.decode() for user in users}


async def all_ready(*started: servers.Server) -> None:
    """Wait until all serve; everything else in this process goes on meanwhile."""
    await asyncio.gather(*[asyncio.to_thread(server.wait_until_ready) for server in started])


def _listener(pids: Iterable[int], port: int) -> int:
    """Which of these processes listens on a port of 127.0.0.1 (proc(5), /proc/net/tcp)."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    socket = next(f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")
    return next(pid for pid in pids if socket in _open_files(pid))


def _open_files(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield str(descriptor.readlink())


@contextmanager
def site(directory: Path, *, commands: int = 2, workers_each: int = 1, nodes: int = 0) -> Iterator[Site]:
    """A running site, with so many ``tertulia web``, and so many workers in each."""
    redis_port = servers.free_port()
    with ExitStack() as stack:
        files = stack.enter_context(servers.postgres_files())
        settings = {
            "TERTULIA_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "TERTULIA_DATA_DIR": str(directory / "data"),
            "TERTULIA_OPEN": "true",
            "TERTULIA_STUN_URLS": "stun:stun.example.org:3478",
            "TERTULIA_RATE_LIMIT": "0",
            "TERTULIA_KEEP_ALIVE_SECONDS": str(KEEP_ALIVE),
            "TERTULIA_EMPTY_TIMEOUT_SECONDS": str(EMPTY),
            "TERTULIA_LOG_FORMAT": "json",
            "TERTULIA_SFU_BIND": "127.0.0.1",
        }
        made = Site(directory, settings, redis_port, files, workers_each, stack)
        postgres = made.spawn_postgres()
        postgres.wait_until_ready()
        settings["TERTULIA_DATABASE_URL"] = servers.Postgres(postgres, files.port).new_database()
        argv, env = servers.tertulia_argv("migrate"), servers.tertulia_env(settings)
        subprocess.run(argv, env=env, check=True, timeout=60, stdout=subprocess.DEVNULL)
        made.start_redis()
        made.ports = [servers.free_port() for _ in range(commands)]
        for port in made.ports:
            made.start_worker(port)
        for _ in range(nodes):
            made.start_node()
        yield made
