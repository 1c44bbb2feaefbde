"""Whether the threads of the SFU turn. Each is woken at every heartbeat: its counter grows unless it stands still."""

from __future__ import annotations

from collections.abc import Sequence

from tertulia.room.nodes import QUIET_AFTER


class Turns:
    """The counters, as last seen."""

    def __init__(self, now: float) -> None:
        self._counts: list[int] = []
        self._turned_at: list[float] = []
        self._looked_at = now

    def still(self, counts: Sequence[int], now: float) -> float:
        """For how many seconds the slowest thread has not turned, though it was woken; ``now`` never runs backwards.

        If this process as a whole stood still, so did whoever wakes them: that is no fault of theirs.
        """
        if len(counts) != len(self._counts) or now - self._looked_at > QUIET_AFTER:
            self._turned_at = [now] * len(counts)
        else:
            pairs = zip(self._turned_at, self._counts, counts, strict=True)
            self._turned_at = [at if before == count else now for at, before, count in pairs]
        self._counts = list(counts)
        self._looked_at = now
        return max((now - at for at in self._turned_at), default=0.0)
