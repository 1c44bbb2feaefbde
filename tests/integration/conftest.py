"""Servers that integration tests share. Each is started once, when first asked for; what a test gets is clean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.integration import servers


@pytest.fixture(scope="session")
def server_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers keep their logs."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def valkey_server(server_dir: Path) -> Iterator[tuple[servers.Server, str]]:
    """The embedded Valkey, for the whole run: the process and its URL."""
    with servers.embedded_valkey(server_dir) as started:
        yield started


@pytest.fixture(scope="session")
def redis_server(server_dir: Path) -> Iterator[tuple[servers.Server, str]]:
    """Debian's Redis 7, for the whole run: the process and its URL."""
    with servers.redis(server_dir) as started:
        yield started


@pytest.fixture(scope="session")
def redis_cluster(server_dir: Path) -> Iterator[servers.Cluster]:
    """A Redis Cluster of three nodes, for the whole run."""
    with servers.redis_cluster(server_dir) as cluster:
        yield cluster


@pytest.fixture
def valkey_url(valkey_server: tuple[servers.Server, str]) -> str:
    """The URL of an empty Valkey."""
    servers.flush(valkey_server[1])
    return valkey_server[1]


@pytest.fixture(params=["valkey", "redis7", "cluster"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty Redis; the test is run with the embedded Valkey, Redis 7 and a Redis Cluster."""
    if request.param == "cluster":
        cluster: servers.Cluster = request.getfixturevalue("redis_cluster")
        for port in cluster.ports:
            servers.flush(f"redis://127.0.0.1:{port}/0")
        return cluster.url
    name = "valkey_server" if request.param == "valkey" else "redis_server"
    url: str = request.getfixturevalue(name)[1]
    servers.flush(url)
    return url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """A PostgreSQL for the whole run."""
    with servers.postgres() as started:
        yield started


@pytest.fixture
def postgres_url(postgres_server: servers.Postgres) -> str:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of a new, empty database; the test is run with SQLite and PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def turn(server_dir: Path) -> Iterator[servers.Turn]:
    """A coturn for the whole run."""
    with servers.coturn(server_dir) as started:
        yield started


@pytest.fixture(scope="session")
def tertulia_dev(server_dir: Path) -> Iterator[servers.Tertulia]:
    """A ``tertulia dev`` for the whole run: make rooms of your own in it."""
    with servers.tertulia_dev(server_dir) as started:
        yield started


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = await connect_redis(redis_url)
    yield client
    await client.close()


@pytest.fixture
async def channels(redis: Redis) -> AsyncIterator[Channels]:
    made = Channels(redis)
    yield made
    await made.close()
