"""Token buckets, one for each caller: how many requests a second it may make."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from tertulia.errors import RateLimited

BURST_SECONDS: Final = 4
"""A caller that was quiet may make this many seconds' worth of requests at once."""
_MOST_BUCKETS: Final = 50_000
"""Callers remembered, in some 10 MB. The one quiet for longest is forgotten: its bucket is full, or nearly so."""


class RateLimit:
    """``per_second`` requests for each caller, after a burst of BURST_SECONDS' worth; 0: no limit."""

    def __init__(self, per_second: int) -> None:
        self._rate = per_second
        self._burst = per_second * BURST_SECONDS
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name → (tokens, when)

    def take(self, name: str, now: float) -> RateLimited | None:
        """Count a request of ``name`` at ``now`` (monotonic seconds). Returns the refusal it has earned, if any."""
        if not self._rate:
            return None
        tokens, then = self._buckets.pop(name, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        allowed = tokens >= 1
        self._buckets[name] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if allowed:
            return None
        return RateLimited(f"you may make {self._rate} requests a second; wait", (1 - tokens) / self._rate)
