"""PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.servers.child import START_SECONDS, Server, free_port, program, running


@dataclass
class Postgres:
    """A PostgreSQL of its own, trusting every local user."""

    server: Server
    port: int
    _made: int = field(default=0)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        self._made += 1
        name = f"test_{os.getpid()}_{self._made}"
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"'))
        return self.url(name)

    async def _execute(self, statement: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="postgres", database="postgres", timeout=5
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=5)


def _postgres_programs() -> list[str]:
    """The directories of the installed versions, newest first (Debian keeps them off the PATH)."""
    root = Path("/usr/lib/postgresql")
    versions = sorted((p for p in root.glob("*/bin")), key=lambda p: float(p.parent.name), reverse=True)
    return [str(version) for version in versions]


def _postgres_listens(port: int) -> bool:
    ready = subprocess.run(
        [program("pg_isready", "postgresql", *_postgres_programs()), "-q", "-h", "127.0.0.1", "-p", str(port)],
        check=False,
        timeout=5,
    )
    return ready.returncode == 0


@dataclass(frozen=True)
class PostgresFiles:
    """What is left of a PostgreSQL that is killed."""

    directory: Path
    user: str | None
    """Who owns them, and runs it."""
    port: int

    @property
    def data(self) -> Path:
        return self.directory / "data"


@contextmanager
def postgres_files() -> Iterator[PostgresFiles]:
    """A new PostgreSQL in a temporary directory, not started; of the user ``postgres`` where tests are run by root."""
    user = "postgres" if os.geteuid() == 0 else None
    # Not pytest's directory: the user postgres may not enter root's.
    with tempfile.TemporaryDirectory(prefix="tertulia-postgres-") as name:
        files = PostgresFiles(Path(name), user, free_port())
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(files.directory, owner.pw_uid, owner.pw_gid)
        initdb = program("initdb", "postgresql", *_postgres_programs())
        init = [initdb, "-D", str(files.data), "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*init, "-E", "UTF8", "--locale=C.UTF-8"],
            check=True,
            timeout=2 * START_SECONDS,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd=files.directory,
            stdout=subprocess.DEVNULL,
        )
        yield files


@contextmanager
def postgres_started(files: PostgresFiles) -> Iterator[Server]:
    """PostgreSQL on these files, which may have to start yet."""
    settings = {"fsync": "off", "listen_addresses": "127.0.0.1", "port": files.port, "max_connections": 200}
    settings |= {"unix_socket_directories": str(files.directory), "shared_buffers": "32MB"}
    argv = [program("postgres", "postgresql", *_postgres_programs()), "-D", str(files.data)]
    argv += [argument for key, value in settings.items() for argument in ("-c", f"{key}={value}")]
    # SIGINT: a fast shutdown, which does not wait for clients.
    with running("postgres", argv, files.directory, user=files.user, stop_signal=signal.SIGINT) as server:
        server.is_ready = lambda: _postgres_listens(files.port)
        yield server


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new PostgreSQL."""
    with postgres_files() as files, postgres_started(files) as server:
        server.wait_until_ready()
        yield Postgres(server, files.port)
