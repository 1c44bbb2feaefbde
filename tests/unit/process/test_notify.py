"""What systemd hears of a service."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tertulia.process import notify


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Its socket, and how that is named."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(path if request.param == "path" else "\0" + path)
        bound.setblocking(False)
        yield bound, path if request.param == "path" else "@" + path


async def heard(bound: socket.socket) -> bytes:
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recv(bound, 100)


async def test_it_is_ready_and_turns_until_it_ends(systemd: tuple[socket.socket, str]) -> None:
    bound, name = systemd
    env = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(os.getpid())}
    async with notify.told(env):
        assert [await heard(bound) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]
    await asyncio.sleep(0.1)
    while True:
        try:
            assert bound.recv(100) == b"WATCHDOG=1"  # from before the end
        except BlockingIOError:
            break
    await asyncio.sleep(0.1)
    with pytest.raises(BlockingIOError):
        bound.recv(100)


async def test_a_systemd_that_takes_nothing_is_told_later(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    async with notify.told({"NOTIFY_SOCKET": path}):
        await asyncio.sleep(0.02)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
            bound.bind(path)
            bound.setblocking(False)
            assert await heard(bound) == b"READY=1"


async def test_without_a_watchdog_it_is_ready(systemd: tuple[socket.socket, str]) -> None:
    bound, name = systemd
    async with notify.told({"NOTIFY_SOCKET": name}):
        assert await heard(bound) == b"READY=1"
        await asyncio.sleep(0.02)
        with pytest.raises(BlockingIOError):
            bound.recv(100)


async def test_a_child_of_the_service_says_nothing(systemd: tuple[socket.socket, str]) -> None:
    bound, name = systemd
    async with notify.told({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}), notify.told({}):
        await asyncio.sleep(0.02)
        with pytest.raises(BlockingIOError):
            bound.recv(100)
