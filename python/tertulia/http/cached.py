"""An answer that costs something, made once for all who ask within a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

FRESH_SECONDS: Final = 1.0
"""How old an answer may be: no monitoring asks more often, and strangers may ask as often as they like."""

T = TypeVar("T")


class Cached(Generic[T]):
    """What ``make`` returned last; while it is being made, all wait for the same one."""

    def __init__(self, make: Callable[[], Awaitable[T]], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._made_at = float("-inf")
        self._making: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """The answer. Raises what ``make`` raises."""
        making = self._making
        if making is None or (making.done() and self._clock() - self._made_at > FRESH_SECONDS):
            making = self._making = asyncio.ensure_future(self._made())
        return await asyncio.shield(making)

    async def _made(self) -> T:
        try:
            return await self._make()
        finally:
            self._made_at = self._clock()
