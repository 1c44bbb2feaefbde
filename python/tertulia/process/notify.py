"""What systemd is told of a service (sd_notify(3)): that it runs, and that its event loop turns."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

VARIABLES: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""The environment variables that are for the service itself, and not for its children."""
_AGAIN: Final = 0.5
"""Seconds until it is tried again to say that the service is ready."""


@asynccontextmanager
async def told(env: Mapping[str, str]) -> AsyncIterator[None]:
    """Tell the systemd that ``env`` names, if it names one for this process: ready at once, then twice in each
    ``WATCHDOG_USEC`` that the event loop turns, until the end."""
    if "NOTIFY_SOCKET" not in env or env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as ours:
        telling = asyncio.create_task(_tell(ours, env["NOTIFY_SOCKET"], int(env.get("WATCHDOG_USEC", "0")) / 1e6))
        try:
            yield
        finally:
            telling.cancel()


async def _tell(ours: socket.socket, name: str, within: float) -> None:
    address = "\0" + name[1:] if name.startswith("@") else name
    is_ready = False
    while not is_ready or within:
        if is_ready:
            _send(ours, address, b"WATCHDOG=1")
        else:
            is_ready = _send(ours, address, b"READY=1")
        await asyncio.sleep(within / 2 if within and is_ready else _AGAIN)


def _send(ours: socket.socket, address: str, text: bytes) -> bool:
    """Whether it is sent: a systemd that is started again, or has enough to read, takes nothing."""
    try:
        ours.sendto(text, address)
    except OSError:
        return False
    return True
