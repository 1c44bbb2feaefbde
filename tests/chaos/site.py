"""A site: two web workers (each a command of its own), one Redis, one PostgreSQL, SFU nodes if wanted.

All but the last can be killed and come back.
"""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tertulia.ids import RoomId
from tertulia.redis.client import Redis
from tertulia.state import keys
from tests.integration import servers

KEEP_ALIVE = 2
"""Seconds. Three missed end a seat: short for a test, long for a busy machine."""
SEAT = 3 * KEEP_ALIVE
EMPTY = 3
"""Seconds that an empty room waits."""


@dataclass
class Site:
    """The processes, by port. All calls are without credentials: the workers run open, on loopback."""

    directory: Path
    settings: dict[str, str]
    redis_port: int
    stack: ExitStack
    ports: list[int] = field(default_factory=list)
    workers: dict[int, servers.Tertulia] = field(default_factory=dict)
    redis: servers.Server | None = None
    nodes: list[servers.Server] = field(default_factory=list)
    """The SFU nodes that were started and not killed since."""

    def start_node(self) -> servers.Server:
        """One more SFU node, registered."""
        node = self.stack.enter_context(servers.tertulia_sfu(self.directory, settings=self.settings))
        self.nodes.append(node)
        return node

    async def node_of(self, redis: Redis, room: str) -> servers.Server:
        """The node on which a room lives."""
        lives_on = await redis.call(keys.room(RoomId(room)), "HGET", keys.room(RoomId(room)), "sfuNode")
        return next(node for node in self.nodes if lives_on.decode() in node.log())

    def start_redis(self) -> None:
        self.redis, _ = self.stack.enter_context(servers.redis(self.directory, self.redis_port))

    def kill_redis(self) -> None:
        assert self.redis is not None
        self.redis.kill()

    def start_worker(self, port: int | None = None) -> int:
        """Start a worker, again on the port it had; its port."""
        port = port or servers.free_port()
        web = self.stack.enter_context(servers.tertulia_web(self.directory, settings=self.settings, port=port))
        self.workers[port] = web
        return port

    def kill_worker(self, port: int) -> None:
        """kill -9."""
        self.workers.pop(port).server.kill()

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

    async def token(self, room: str, user: str) -> str:
        return str((await self.rest("POST", f"/v1/rooms/{room}/join", {"userId": user}))["token"])

    async def seats(self, redis: Redis, room: str) -> tuple[int, int, set[str]]:
        """participantCount, HLEN and the members in Redis."""
        name, people, *_ = keys.room_keys(RoomId(room))
        count, length, users = await asyncio.gather(
            redis.call(name, "HGET", name, "participantCount"),
            redis.call(people, "HLEN", people),
            redis.call(people, "HKEYS", people),
        )
        return int(count or 0), length, {user.decode() for user in users}


@contextmanager
def site(directory: Path, workers: int = 2, nodes: int = 0) -> Iterator[Site]:
    """A running site."""
    redis_port = servers.free_port()
    with ExitStack() as stack:
        postgres = stack.enter_context(servers.postgres())
        settings = {
            "TERTULIA_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "TERTULIA_DATABASE_URL": postgres.new_database(),
            "TERTULIA_DATA_DIR": str(directory / "data"),
            "TERTULIA_OPEN": "true",
            "TERTULIA_STUN_URLS": "stun:stun.example.org:3478",
            "TERTULIA_RATE_LIMIT": "0",
            "TERTULIA_KEEP_ALIVE_SECONDS": str(KEEP_ALIVE),
            "TERTULIA_EMPTY_TIMEOUT_SECONDS": str(EMPTY),
            "TERTULIA_LOG_FORMAT": "json",
            "TERTULIA_SFU_BIND": "127.0.0.1",
        }
        subprocess.run(servers.tertulia_argv("migrate"), env=servers.tertulia_env(settings), check=True, timeout=60)
        made = Site(directory, settings, redis_port, stack)
        made.start_redis()
        made.ports = [made.start_worker() for _ in range(workers)]
        for _ in range(nodes):
            made.start_node()
        yield made
