"""A web worker with two tenants, on each database: what the tests of this directory talk to."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tertulia.db import migrate
from tertulia.db.access import Access
from tertulia.db.engine import Database
from tertulia.times import from_seconds
from tests.integration import servers
from tests.waiting import PATIENCE

STUN = "stun:stun.example.org:3478"


def run(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``tertulia <arguments>`` to its end."""
    return subprocess.run(
        servers.tertulia_argv(*arguments),
        env=servers.tertulia_env(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_command(settings: Mapping[str, str], *arguments: str) -> str:
    """Run ``tertulia <arguments>`` to its end and give what it printed."""
    done = run(settings, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Rest:
    """A running server and the credentials of its tenants. Calls are the first tenant's unless a key is given."""

    web: servers.Tertulia
    settings: dict[str, str]
    key: str = ""
    other_key: str = ""
    storage: Path = Path()
    """What it has for blob storage."""
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.web.url, timeout=30)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **more: Any) -> httpx.Response:
        """Send a request; ``body`` as JSON where given. ``key=""`` sends no credential."""
        headers = dict(more.pop("headers", {}))
        credential = self.key if key is None else key
        if credential:
            headers["Authorization"] = f"Bearer {credential}"
        if body is not None:
            more["json"] = body
        return self.http.request(method, path, headers=headers, **more)

    def ok(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """The body of an answer that has to have ``status``."""
        answer = self.call(method, path, body, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def refused(
        self, method: str, path: str, body: Any = None, *, status: int, code: str, **more: Any
    ) -> dict[str, Any]:
        """The problem that has to come back."""
        answer = self.call(method, path, body, **more)
        return problem(answer, status, code)

    def room(self, host: str | None = None, **settings: Any) -> str:
        """A new room's id."""
        body: dict[str, Any] = {"hostId": host or new_id()}
        if settings:
            body["settings"] = settings
        return str(self.ok("POST", "/v1/rooms", body, 201)["roomId"])

    def token(self, room: str, user: str | None = None, **more: Any) -> str:
        """A room token for a user, by the tenant's key."""
        return str(self.ok("POST", f"/v1/rooms/{room}/join", {"userId": user or new_id(), **more})["token"])

    def invite(self, room: str, role: str = "attendee", **more: Any) -> str:
        return str(self.ok("POST", f"/v1/rooms/{room}/invites", {"role": role, **more}, 201)["inviteToken"])

    def audited(
        self, is_wanted: Callable[[dict[str, Any]], bool], count: int = 1, **query: Any
    ) -> list[dict[str, Any]]:
        """The entries of the audit log that are wanted, the oldest first, once there are so many: they are written a
        moment later."""
        end = time.monotonic() + PATIENCE
        while True:
            items = self.ok("GET", "/v1/audit", params={"limit": 100, **query})["items"]
            found = [item for item in reversed(items) if is_wanted(item)]
            if len(found) >= count:
                return found
            assert time.monotonic() < end, found
            time.sleep(0.02)  # another process: there is nothing to await

    @contextmanager
    def meeting(self, room: str, *users: str) -> Iterator[list[ClientConnection]]:
        """The users in the room, by the plain dialect."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.joined(room, self.token(room, user))) for user in users]

    @contextmanager
    def joined(self, room: str, token: str) -> Iterator[ClientConnection]:
        """A connection that has joined."""
        with connect(self.web.ws_url, open_timeout=30, close_timeout=5) as socket:
            answer = hub_call(socket, "JoinRoom", {"roomId": room, "token": token})
            assert "result" in answer, answer
            yield socket

    @contextmanager
    def knocking(self, room: str, token: str) -> Iterator[ClientConnection]:
        """A connection that has called JoinRoom (id 1), and was not answered yet."""
        with connect(self.web.ws_url, open_timeout=30, close_timeout=5) as socket:
            socket.send(json.dumps({"event": "JoinRoom", "payload": {"roomId": room, "token": token}, "id": 1}))
            yield socket


def hub_call(socket: ClientConnection, event: str, payload: Any = None) -> dict[str, Any]:
    """Call the hub and give its answer; events that come before it are dropped."""
    socket.send(json.dumps({"event": event, "payload": payload, "id": 1}))
    return next_frame(socket, lambda frame: frame.get("replyTo") == 1)


def next_frame(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next frame that is wanted."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=30))
        if wanted(frame):
            return frame


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem in an answer, which has to have that status and code."""
    assert (answer.status_code, answer.headers.get("content-type")) == (status, "application/problem+json"), answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"]
    return body


def new_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="session")
def rest_redis(server_dir: Path) -> Iterator[str]:
    """A Valkey of these tests' own: they share a server for the whole run, so nobody may empty it."""
    with servers.embedded_valkey(server_dir) as (_, url):
        yield url


@pytest.fixture(scope="session")
def rest_sqlite(rest_redis: str, server_dir: Path) -> Iterator[Rest]:
    """A web worker on SQLite."""
    with started(server_dir, rest_redis, f"sqlite:///{server_dir / 'rest.db'}") as rest:
        yield rest


@pytest.fixture(scope="session")
def rest_postgres(rest_redis: str, server_dir: Path, postgres_server: servers.Postgres) -> Iterator[Rest]:
    """A web worker on PostgreSQL."""
    with started(server_dir, rest_redis, postgres_server.new_database()) as rest:
        yield rest


@pytest.fixture(params=["sqlite", "postgres"])
def rest(request: pytest.FixtureRequest) -> Rest:
    """A web worker; the test is run with SQLite and PostgreSQL."""
    found: Rest = request.getfixturevalue(f"rest_{request.param}")
    return found


@contextmanager
def started(
    directory: Path, redis: str, database: str, *, environment: Mapping[str, str] | None = None, **settings: str
) -> Iterator[Rest]:
    """A web worker with two tenants on an empty database; ``environment`` is more for its process."""
    storage = Path(tempfile.mkdtemp(prefix="storage-", dir=directory))
    env = {
        "TERTULIA_REDIS_URL": redis,
        "TERTULIA_DATABASE_URL": database,
        "TERTULIA_STORAGE_URL": storage.as_uri(),
        "TERTULIA_STUN_URLS": STUN,
        "TERTULIA_RATE_LIMIT": "0",
        **{f"TERTULIA_{name.upper()}": value for name, value in settings.items()},
        **(environment or {}),
    }
    with ThreadPoolExecutor(1) as thread:  # a test may have a loop running
        keys = thread.submit(asyncio.run, prepare(database)).result(60)
    with servers.tertulia_web(directory, settings=env) as web:
        rest = Rest(web, env, keys[0], keys[1], storage)
        try:
            yield rest
        finally:
            rest.http.close()


async def prepare(url: str) -> list[str]:
    """The schema, two tenants, and a key of each."""
    database = Database(url)
    await migrate.upgrade(database)
    access, at = Access(database), from_seconds(time.time())
    keys = []
    for name in ("first", "second"):
        tenant = await access.create_tenant(name, at)
        keys.append((await access.create_key(tenant.id, "tests", at)).secret)
    await database.close()
    return keys


Start = Callable[..., AbstractContextManager[Rest]]


@pytest.fixture
def start(tmp_path: Path, rest_redis: str) -> Start:
    """Starts a web worker with settings of its own, on a new SQLite."""

    def start_one(**settings: str) -> AbstractContextManager[Rest]:
        return started(tmp_path, rest_redis, f"sqlite:///{tmp_path / 'test.db'}", environment=None, **settings)

    return start_one
