"""How often somebody may do something: token buckets, and queues in which everybody waits for their turn."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from tertulia.errors import RateLimited

BURST_SECONDS: Final = 4
"""Who was quiet may do this many seconds' worth at once."""
MOST_NAMES: Final = 50_000
"""Callers remembered, in some 10 MB. The one quiet for longest is forgotten: its bucket is full, or nearly so."""


class RateLimit:
    """Token buckets of this process: ``per_second`` for each name, after a burst of BURST_SECONDS' worth; 0: no limit.
    ``now`` is in monotonic seconds."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self._rate = per_second
        self._burst = per_second * BURST_SECONDS if burst is None else burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name → (tokens, when)

    def take(self, name: str, now: float) -> RateLimited | None:
        """Count a request of ``name``. Returns the refusal it has earned, if any."""
        if not self._rate:
            return None
        tokens = self._tokens(name, now)
        is_allowed = tokens >= 1
        self._keep(name, tokens - 1 if is_allowed else tokens, now)
        if is_allowed:
            return None
        return too_many(self._rate, (1 - tokens) / self._rate)

    def owed(self, name: str, now: float) -> RateLimited | None:
        """The refusal of who owes for what was charged; None: they do not, since requests alone are never more than
        what is there."""
        if not self._rate or name not in self._buckets:
            return None
        tokens, then = self._buckets[name]
        owes = -(tokens + (now - then) * self._rate)
        return too_many(self._rate, owes / self._rate) if owes > 0 else None

    def charge(self, name: str, now: float, cost: int) -> None:
        """Count ``cost`` requests that have been served already. A bucket owes one such charge at most by that, and no
        less than it owed before."""
        if self._rate:
            tokens = self._tokens(name, now)
            self._keep(name, max(min(tokens, -float(cost)), tokens - cost), now)

    def owe(self, name: str, now: float, debt: int) -> None:
        """``name`` owes so many requests at least; none: of no effect."""
        if self._rate and debt > 0:
            self._keep(name, min(-float(debt), self._tokens(name, now)), now)

    def _tokens(self, name: str, now: float) -> float:
        tokens, then = self._buckets.pop(name, (float(self._burst), now))
        return min(self._burst, tokens + (now - then) * self._rate)

    def _keep(self, name: str, tokens: float, now: float) -> None:
        self._buckets[name] = (tokens, now)
        if len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)


class Queues:
    """A queue for each name, from which ``per_second`` requests are taken, after a burst; 0: nobody waits.

    A queue is the time at which it will be empty (GCRA: the generic cell rate algorithm of ITU-T I.371).
    """

    def __init__(self, per_second: float, burst: int, longest: float) -> None:
        """``longest``: seconds for which a request may wait."""
        self._rate = per_second
        self._burst = burst
        self._longest = longest
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, name: str, now: float) -> float | RateLimited:
        """Queue a request of ``name``: the seconds until its turn, or the refusal, since that would take too long."""
        if not self._rate:
            return 0.0
        empty_at = max(self._empty_at.get(name, now), now) + 1 / self._rate
        wait = max(0.0, empty_at - now - self._burst / self._rate)
        if wait > self._longest:
            return too_many(self._rate, wait)
        self._empty_at[name] = empty_at
        self._empty_at.move_to_end(name)
        if len(self._empty_at) > MOST_NAMES:
            self._empty_at.popitem(last=False)
        return wait


def too_many(rate: float, retry_after: float) -> RateLimited:
    """The refusal of a request beyond ``rate``, which may be made again after so many seconds."""
    return RateLimited(f"more than {rate:g} requests a second: wait", retry_after)
