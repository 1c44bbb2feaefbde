"""Credentials that are not valid, by the address that sends them."""

from __future__ import annotations

import time

from tertulia.errors import RateLimited
from tertulia.limits import FAILED_COST, SharedLimit
from tertulia.senders import site_of


class Guesses:
    """Each counts as FAILED_COST requests of its address, with the API's. An address that owes some has no credential
    looked at until it does not, by any web worker that it has sent such a one since: in the long run all of them look
    at as many as one would. Those that are valid do not count, however many join at once."""

    def __init__(self, by_address: SharedLimit) -> None:
        self._by_address = by_address

    def refusal(self, address: str | None) -> RateLimited | None:
        """The refusal that a credential from this IP address gets unread; None: it may be looked at."""
        return self._by_address.owed(site_of(address or ""), time.monotonic())

    async def failed(self, address: str | None) -> None:
        """A credential from this IP address is not valid."""
        await self._by_address.charge(site_of(address or ""), time.monotonic(), FAILED_COST)
