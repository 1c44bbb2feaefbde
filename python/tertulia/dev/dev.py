"""``tertulia dev``: everything on this machine, for this machine.

It runs an SFU node, a web worker and a recorder as child processes, a Valkey unless a Redis is given, and SQLite in the
data directory unless a database is given. It asks for no credentials, so it listens on loopback only. This process
holds nothing and imports little.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tertulia import config
from tertulia.dev import valkey
from tertulia.errors import ConfigError
from tertulia.http.listening import bind_operator, bind_public, in_url
from tertulia.http.workers import STILL_SECONDS, SUPERVISED
from tertulia.process.child import Child, ChildFailed
from tertulia.process.supervisor import Supervisor

READY_SECONDS: Final = 60.0
"""How long a child may take to start: thirty times what all of them take together."""
POLL_SECONDS: Final = 0.05
"""How often a child that is starting is asked whether it is ready."""
ANSWER_SECONDS: Final = 5.0
"""How long it may take to answer that."""


def run(environ: Mapping[str, str]) -> int:
    """Run until a signal to stop, and return the exit status. The settings are in ``environ``.

    Raises:
        ConfigError: before anything is started: a setting is wrong, a port is taken, or the data directory is in use
            or cannot be written.
        ChildFailed: a part could not start.
    """
    settings = config.load({**environ, "TERTULIA_OPEN": "true"})
    with bind_public(settings.host, settings.port) as free:
        port = free.getsockname()[1]
    if settings.operator_listen is not None:
        bind_operator(*settings.operator_listen).close()
    with _data_dir(settings.data_dir) as data:
        return asyncio.run(_serve(settings, port, data, _environment(environ)))


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What all children get: text logs if a person is watching."""
    form = "text" if sys.stdout.isatty() else "json"
    return {"TERTULIA_LOG_FORMAT": form, **environ, "TERTULIA_OPEN": "true", "PYTHONUNBUFFERED": "1"}


async def _serve(settings: config.Config, port: int, data: Path, env: dict[str, str]) -> int:
    env |= {"TERTULIA_PORT": str(port), "TERTULIA_DATA_DIR": str(data)}
    if settings.database_url is None:
        env["TERTULIA_DATABASE_URL"] = f"sqlite:///{data / 'tertulia.db'}"
    async with Supervisor() as supervisor:
        if settings.redis_url is None:
            path = data / "valkey.sock"
            env["TERTULIA_REDIS_URL"] = f"unix://{path}"
            await supervisor.start(Child(name="valkey", argv=valkey.socket_command(path), omit=valkey.IRRELEVANT))
            if not await supervisor.unless_stopped(_until(lambda: _pongs(path), "valkey")):
                return 0
        await supervisor.start(_part(env, "sfu"))
        # The node starts in the meantime: it needs no database.
        if not await supervisor.unless_stopped(supervisor.run(_part(env, "migrate"))):
            return 0
        # One web worker needs no supervisor but this.
        web = ("web", SUPERVISED) if settings.workers == 1 else ("web",)
        await supervisor.start(_part(env, *web, still_seconds=STILL_SECONDS), _part(env, "recorder"))
        if not await supervisor.unless_stopped(_until(lambda: _is_ready(settings.host, port), "web")):
            return 0
        _announce(supervisor, settings, port, data)
        await supervisor.until_stopped()
    return 0


def _part(env: Mapping[str, str], name: str, *arguments: str, still_seconds: float | None = None) -> Child:
    argv = (sys.executable, "-m", "tertulia", name, *arguments)
    return Child(name=name, argv=argv, env=env, still_seconds=still_seconds)


def _announce(supervisor: Supervisor, settings: config.Config, port: int, data: Path) -> None:
    for line in (
        "",
        f"    Open {settings.public_url or f'http://{in_url(settings.host)}:{port}'}/",
        "",
        f"    Anyone on this machine may use it. Its data is in {data}",
        "    Press Ctrl-C to stop.",
        "",
    ):
        supervisor.say(line)


# -- Before anything is started ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _data_dir(path: Path) -> Iterator[Path]:
    """Create the data directory if need be, for this user only, and keep it locked."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {path} ({error.strerror}): choose another directory with --data-dir"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another tertulia dev uses {path}: stop it, or give this one its own --data-dir and --port"
            ) from None
        yield path
    finally:
        os.close(lock)


# -- Whether a child is ready -----------------------------------------------------------------------------------------


async def _until(ready: Callable[[], Awaitable[bool]], name: str) -> None:
    """Poll until ``ready``.

    Raises:
        ChildFailed: not ready after :data:`READY_SECONDS`.
    """
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not await ready():  # noqa: ASYNC110 - another process has no event to wait for
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise ChildFailed(f"{name} was not ready within {READY_SECONDS:.0f} s: see its last lines above", 1) from None


async def _pongs(path: Path) -> bool:
    return (await _ask(asyncio.open_unix_connection(path), b"PING\r\n")).startswith(b"+PONG")


async def _is_ready(host: str, port: int) -> bool:
    request = f"GET /readyz HTTP/1.1\r\nHost: {in_url(host)}:{port}\r\nConnection: close\r\n\r\n"
    answer = await _ask(asyncio.open_connection(host, port), request.encode())
    return answer.startswith(b"HTTP/1.1 200 ")


async def _ask(connect: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]], request: bytes) -> bytes:
    """The first line of the answer; empty if there is none."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await connect
            try:
                writer.write(request)
                return await reader.readline()
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return b""
