"""How busy this process is."""

from __future__ import annotations

import time


class Load:
    """The CPU time that the process uses, as a share of what its media threads could use."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._last = (time.monotonic(), time.process_time())

    def measure(self) -> float:
        """The share since the last call: 0 is idle, 1 is full."""
        now = (time.monotonic(), time.process_time())
        elapsed, used = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        return min(1.0, used / (elapsed * self._threads)) if elapsed > 0 else 0.0
