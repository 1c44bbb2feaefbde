"""A stream that a client sends with a call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from tertulia.signalr.errors import ClientError

CAPACITY: Final = 10
"""Items that wait for the method, as ASP.NET Core's; beyond, nothing is read from the client."""


class Upload:
    """Filled by the connection, emptied by the method that iterates over it. ``flow`` is called when an item arrives or
    is taken."""

    def __init__(self, flow: Callable[[], None]) -> None:
        self._flow = flow
        self._items: deque[Any] = deque()
        self._kind: Any = Any
        self._finished = False
        self._error: str | None = None
        self._news = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether more items wait than may."""
        return len(self._items) > CAPACITY

    def of(self, kind: Any) -> AsyncIterator[Any]:
        """The iterator for the method. An item of another kind raises msgspec's ValidationError there, a
        stream that the client broke off raises ClientError."""
        self._kind = kind
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Any]:
        while True:
            while self._items:
                item = self._items.popleft()
                self._flow()
                yield msgspec.convert(item, self._kind)
            if self._finished:
                if self._error is not None:
                    raise ClientError(self._error)
                return
            self._news.clear()
            await self._news.wait()

    def push(self, item: Any) -> None:
        """An item arrived."""
        if not self._finished:
            self._items.append(item)
            self._news.set()
            self._flow()

    def finish(self, error: str | None) -> None:
        """The client ended the stream, with ``error`` if it broke off."""
        if not self._finished:
            self._finished, self._error = True, error
            self._news.set()
