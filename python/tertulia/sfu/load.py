"""How busy a media thread is."""

from __future__ import annotations

import time

from tertulia.process.cores import cores


class Load:
    """The CPU time that it uses, as a share of a core; or that of its process, as a share of all cores that this may
    use, where that is more: then it is these that it would have to wait for. In a container the quota counts."""

    def __init__(self, now: float) -> None:
        self._at = now
        self._thread = 0.0
        self._process = time.process_time()
        self.last = 0.0
        """As last measured: 0 is idle, 1 is full."""
        self.own = 0.0
        """By how much less it would have been without the thread."""

    def measure(self, thread: float, now: float) -> float:
        """The load since the last call. ``thread``: the seconds of CPU time that the thread has used in all."""
        process, elapsed = time.process_time(), now - self._at
        available = cores()
        own, shared = thread - self._thread, (process - self._process) / available
        if shared > own:
            own /= available
        self.last, self.own = [_share(used, elapsed) for used in (max(own, shared), own)]
        self._at, self._thread, self._process = now, thread, process
        return self.last


def _share(used: float, elapsed: float) -> float:
    return min(1.0, used / elapsed) if elapsed > 0 else 0.0
