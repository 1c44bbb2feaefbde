"""How many requests a second one address and one credential may make: token buckets, shared by all web workers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from tertulia.errors import RateLimited, Unavailable
from tertulia.outage import Outage
from tertulia.rates import BURST_SECONDS, MOST_NAMES, RateLimit, too_many
from tertulia.state.limits import Bucket, Taken

FAILED_COST: Final = 10
"""A credential that is not valid counts as so many requests of its address: guessing is slow, a mistake is not."""
FREE_SHARE: Final = 16
"""Each web worker admits this fraction of a rate without asking Redis, so that callers who come now and then cost no
round trip. Beyond it the workers of a fleet share one bucket."""
LEASE_SHARE: Final = 10
"""What a web worker takes from the shared bucket at once: a tenth of a second's requests."""
LEASE_SECONDS: Final = 1.0
"""How long what it took is good for."""
ASK_SECONDS: Final = 0.25
"""How long Redis may take to answer: a limit is no reason to keep a caller waiting."""
ADDRESS_SHARE: Final = 4
"""An address may make so many times the requests of one credential: a network of people often has just one."""

Lease = Callable[[Bucket, int, int], Awaitable[Taken]]
"""See :meth:`tertulia.state.limits.SharedBuckets.take`."""


class SharedLimit:
    """The same limit for all web workers together, to a fraction of FREE_SHARE for each; 0: no limit.

    While Redis does not answer, each web worker limits by itself.
    """

    def __init__(self, kind: str, per_second: int, lease: Lease) -> None:
        """``kind`` names the limit: names of different kinds are different callers."""
        self._kind = kind
        self._rate = per_second
        self._lease = lease
        self._own = RateLimit(per_second)
        self._free = RateLimit(per_second / FREE_SHARE, burst=max(1.0, per_second / 4))
        self._outage = Outage(
            "web workers limit rates each by itself while Redis does not answer",
            "web workers limit rates together again",
            limit=kind,
        )
        self._leased: OrderedDict[str, tuple[int, float]] = OrderedDict()  # name → (requests, when)

    async def take(self, name: str, now: float) -> None:
        """Count a request. Raises RateLimited: it is one too many."""
        refusal = self._own.take(name, now)
        if refusal is not None:
            raise refusal
        if not self._rate or self._free.take(name, now) is None or self._has_leased(name, now):
            return
        want = max(1, self._rate // LEASE_SHARE)
        got = await self._ask(name, want)
        if got.taken == 0:
            raise too_many(self._rate, want / self._rate)
        self._leased[name] = (got.taken - 1, now)
        if len(self._leased) > MOST_NAMES:
            self._leased.popitem(last=False)

    async def charge(self, name: str, now: float, cost: int) -> None:
        """Count ``cost`` requests that have been served already. What the callers of that name owe at all web workers,
        a second's requests at most, they owe at this one."""
        if self._rate:
            self._own.charge(name, now, cost)
            self._free.charge(name, now, cost)
            shared = await self._ask(name, cost, debt=self._rate)
            self._own.owe(name, now, -shared.left)

    def owed(self, name: str, now: float) -> RateLimited | None:
        """The refusal of who owes this web worker for what was charged, if they do. Does not count as a request."""
        return self._own.owed(name, now)

    def _has_leased(self, name: str, now: float) -> bool:
        left, then = self._leased.pop(name, (0, now))
        if left == 0 or now - then > LEASE_SECONDS:
            return False
        self._leased[name] = (left - 1, then)
        return True

    async def _ask(self, name: str, want: int, debt: int = 0) -> Taken:
        """How many of ``want`` requests the fleet admits; all of them while Redis does not answer."""
        bucket = Bucket(f"{self._kind} {name}", self._rate, self._rate * BURST_SECONDS)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                taken = await self._lease(bucket, want, debt)
        except (TimeoutError, Unavailable) as e:
            self._outage.failed(e)
            return Taken(want, 0)
        self._outage.worked()
        return taken
