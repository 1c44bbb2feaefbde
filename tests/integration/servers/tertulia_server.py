"""The commands of Tertulia."""

from __future__ import annotations

import os
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.servers.child import Server, free_port, running


@dataclass
class Tertulia:
    """A ``tertulia`` command that serves HTTP."""

    server: Server
    port: int

    @property
    def url(self) -> str:
        """Where it serves HTTP, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The address of the plain dialect."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def workers(self) -> set[int]:
        """The processes of the web workers."""
        pid = self.server.pid
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    def log(self) -> str:
        return self.server.log()


def answers(url: str, status: int = 200) -> bool:
    """Whether a GET of ``url`` has that status."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status) == status
    except urllib.error.HTTPError as refused:
        return refused.code == status
    except OSError:
        return False


def tertulia_argv(*arguments: str) -> list[str]:
    """The public command line, of the package under test."""
    return [sys.executable, "-m", "tertulia", *arguments]


def tertulia_env(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a ``tertulia`` process: this one's, without its settings, with those given."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TERTULIA_")}
    return env | {"PYTHONUNBUFFERED": "1"} | dict(settings or {})


@contextmanager
def command(name: str, directory: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run ``tertulia <arguments>`` with ``settings`` (``TERTULIA_…``) in the environment."""
    with running(name, tertulia_argv(*arguments), directory, env=tertulia_env(settings)) as server:
        yield server


@contextmanager
def tertulia_dev(
    directory: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
    data: Path | None = None,
) -> Iterator[Tertulia]:
    """``tertulia dev``, ready; with a data directory of its own unless ``data`` is given."""
    port = port or free_port()
    data = data or Path(tempfile.mkdtemp(prefix="data-", dir=directory))
    options = ("--port", str(port), "--data-dir", str(data), *arguments)
    with command("tertulia dev", directory, "dev", *options, settings=settings) as server:
        server.wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        yield Tertulia(server, port)


@contextmanager
def tertulia_web(
    directory: Path, *arguments: str, settings: Mapping[str, str], port: int | None = None
) -> Iterator[Tertulia]:
    """``tertulia web``, ready. ``settings`` name the Redis, the database and the secrets."""
    with tertulia_web_started(directory, *arguments, settings=settings, port=port or free_port()) as web:
        web.server.wait_until_ready()
        yield web


@contextmanager
def tertulia_web_started(
    directory: Path, *arguments: str, settings: Mapping[str, str], port: int
) -> Iterator[Tertulia]:
    """``tertulia web``, which may have to start yet."""
    with command("tertulia web", directory, "web", "--port", str(port), *arguments, settings=settings) as server:
        server.is_ready = lambda: answers(f"http://127.0.0.1:{port}/readyz")
        yield Tertulia(server, port)


@contextmanager
def tertulia_sfu(directory: Path, *arguments: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """``tertulia sfu``, registered in Redis (under ``{sfu}:nodes``)."""
    with tertulia_sfu_started(directory, *arguments, settings=settings) as server:
        server.wait_until_ready()
        yield server


@contextmanager
def tertulia_sfu_started(directory: Path, *arguments: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """``tertulia sfu``, which may have to start yet."""
    here = {"TERTULIA_DATA_DIR": str(directory / "data")}
    with command("tertulia sfu", directory, "sfu", *arguments, settings=here | dict(settings)) as server:
        server.is_ready = lambda: "SFU node runs" in server.log()
        yield server
