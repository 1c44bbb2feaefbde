"""How much ``tertulia dev`` uses while nobody meets, and how long it takes to start."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.integration import servers
from tests.processes import Process, tree

CPU_BAR = 0.02
"""Of one core."""
WAKEUPS_BAR = 250.0
"""A second, of all threads together: as many as are seen are half of it. Does not depend on the machine's speed."""
MEMORY_BAR = 250e6
"""Bytes, the proportional set sizes of all processes together."""
SETTLE_SECONDS = 3.0
"""After the start: the rest of it, and the first heartbeats."""


@dataclass(frozen=True)
class Idle:
    """``cpu`` is a share of one core, ``wakeups`` are a second; ``processes`` are as they were at the end."""

    start_seconds: float
    cpu: dict[int, float]
    wakeups: dict[int, float]
    processes: list[Process]

    @property
    def cpu_total(self) -> float:
        return sum(self.cpu.values())

    @property
    def wakeups_total(self) -> float:
        return sum(self.wakeups.values())

    @property
    def memory_total(self) -> int:
        return sum(process.pss_bytes for process in self.processes)


def measure(seconds: float) -> Idle:
    """Start it, and watch it for so long."""
    with tempfile.TemporaryDirectory(prefix="tertulia-idle-") as name:
        directory, data = Path(name), Path(name) / "data"
        with servers.tertulia_dev(directory, data=data):
            pass  # the first start makes the database
        began = time.monotonic()
        with servers.tertulia_dev(directory, data=data) as dev:
            started = time.monotonic() - began
            time.sleep(SETTLE_SECONDS)
            before = {process.pid: process for process in tree(dev.server.pid)}
            time.sleep(seconds)
            after = tree(dev.server.pid)
    cpu, wakeups = {}, {}
    for process in after:
        was = before.get(process.pid)
        cpu[process.pid] = (process.cpu_seconds - (was.cpu_seconds if was else 0.0)) / seconds
        wakeups[process.pid] = (process.wakeups - (was.wakeups if was else 0)) / seconds
    return Idle(started, cpu, wakeups, after)
