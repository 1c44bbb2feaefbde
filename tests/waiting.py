"""Waiting for what has no event of its own: a file, a row, a counter, what another process does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

PATIENCE: Final = 20.0
"""Seconds. Nothing here takes that long; on a busy machine this is what "never" means."""
_PAUSE: Final = 0.01

T = TypeVar("T")


async def until(find: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Look again and again; the first that is found, or true. Raises TimeoutError."""

    async def look() -> T | None:
        return find()

    return await until_answered(look, patience)


async def until_answered(ask: Callable[[], Awaitable[T | None]], patience: float = PATIENCE) -> T:
    """Ask again and again; the first answer that is true. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        while not (answer := await ask()):
            await asyncio.sleep(_PAUSE)
    return answer
