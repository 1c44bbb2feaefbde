"""The servers that are compared, each one process with one event loop."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tertulia.db import migrate
from tertulia.db.engine import Database
from tests.integration import servers

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Contestant:
    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Of all its threads, user and system."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_bytes(self) -> int:
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def tertulia(directory: Path) -> Iterator[Contestant]:
    """The product: one web worker on an embedded Valkey."""
    database = f"sqlite+aiosqlite:///{directory}/bench.db"
    asyncio.run(_migrated(database))
    with servers.embedded_valkey(directory) as (_, redis):
        settings = {
            "TERTULIA_REDIS_URL": redis,
            "TERTULIA_DATABASE_URL": database,
            "TERTULIA_OPEN": "true",
            "TERTULIA_STUN_URLS": "stun:127.0.0.1:3478",
            "TERTULIA_KEEP_ALIVE_SECONDS": "300",
            "TERTULIA_JOIN_TIMEOUT_SECONDS": "300",
            "TERTULIA_LOG_LEVEL": "warning",
        }
        with servers.tertulia_web(directory, settings=settings) as started:
            yield Contestant("tertulia", started.server.pid, started.port)


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate.upgrade(database)
    await database.close()


@contextmanager
def node_ws() -> Iterator[Contestant]:
    """Node.js with the package `ws`."""
    if not (HERE / "node_modules").is_dir():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=HERE, check=True, timeout=300)
    node = shutil.which("node")
    if node is None:
        raise SystemExit("Node.js is missing: apt-get install nodejs npm")
    process = subprocess.Popen([node, str(HERE / "ws_server.mjs")], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Contestant("node ws", process.pid, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


async def tickets(port: int, people: int, rooms: int) -> list[list[dict[str, Any]]]:
    """Rooms and who may join them, made over REST."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

        async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = await client.post(path, json=body)
            answer.raise_for_status()
            result: dict[str, Any] = answer.json()
            return result

        made = []
        for _ in range(rooms):
            settings = {"topology": "p2p", "maxParticipants": 1000}
            room = (await post("/v1/rooms", {"hostId": str(uuid.uuid4()), "settings": settings}))["roomId"]
            users = [str(uuid.uuid4()) for _ in range(people)]
            grants = [await post(f"/v1/rooms/{room}/join", {"userId": user}) for user in users]
            made.append(
                [{"roomId": room, "userId": u, "token": g["token"]} for u, g in zip(users, grants, strict=True)]
            )
        return made
