"""How busy this process is."""

from __future__ import annotations

import time


class Load:
    """The CPU time of all threads of the process, as a share of what its media threads could use."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._last = (time.monotonic(), time.process_time())

    def measure(self) -> float:
        """The share since the last call, 0 idle to 1 full."""
        now = (time.monotonic(), time.process_time())
        elapsed, used = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        return min(1.0, used / (elapsed * self._workers)) if elapsed > 0 else 0.0
