"""Long polling (TransportProtocols.md, "Long Polling"): each GET waits for what there is to say, POSTs bring what the
client says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Final

from tertulia.signalr.serve.link import Link

POLL_TIMEOUT: Final = 90.0
"""Seconds after which a poll without data is answered with nothing, as ASP.NET Core's; the npm client gives up after
100.
"""


class LongPolling:
    """What a polled connection keeps between its requests. ``forget``: call it when the last request was answered."""

    def __init__(self, link: Link, idle: float, bound: int, forget: Callable[[], None]) -> None:
        self.link = link
        self.sending = asyncio.Lock()
        """Held by the POST whose body is being read."""
        self._idle_timeout = idle
        self._bound = bound
        self._forget = forget
        self._waiting: list[bytes] = []
        self._size = 0
        self._closed = False
        self._poll: asyncio.Future[bool] | None = None
        self._readable = asyncio.Event()
        self._readable.set()
        self._idle = asyncio.get_running_loop().call_later(idle, self._nobody_polls)

    # --- the transport of a Link

    def write(self, frame: bytes, binary: bool, latest: Hashable = None) -> None:
        self._waiting.append(frame)
        self._size += len(frame)
        if self._size > self._bound:
            asyncio.get_running_loop().call_soon(self.link.close, "The client does not keep up.")
        self._wake(answered=True)

    def close(self, code: int, reason: str) -> None:
        self._closed = True
        self._readable.set()
        self._wake(answered=True)

    def pause(self) -> None:
        self._readable.clear()

    def resume(self) -> None:
        self._readable.set()

    @property
    def unsent(self) -> bool:
        return bool(self._waiting)

    @property
    def congested(self) -> bool:
        return self._size > self._bound // 4

    # --- the requests

    async def readable(self) -> None:
        """Wait until the application takes more."""
        await self._readable.wait()

    async def poll(self) -> bytes | None:
        """What is to be said, b"" after a time, or None: this was the last poll, or a newer one took its place
        (status 204).
        """
        self._idle.cancel()
        self._wake(answered=False)
        self._poll = poll = asyncio.get_running_loop().create_future()
        try:
            if not self._waiting and not self._closed and not await self._data(poll):
                return None
            return self._take()
        except TimeoutError:
            return b""
        finally:
            if self._poll is poll:
                self._poll = None
                self._idle = asyncio.get_running_loop().call_later(self._idle_timeout, self._nobody_polls)

    @staticmethod
    async def _data(poll: asyncio.Future[bool]) -> bool:
        async with asyncio.timeout(POLL_TIMEOUT):
            return await poll

    def _take(self) -> bytes | None:
        if not self._waiting:
            self._idle.cancel()
            self._forget()
            return None
        data = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        self.link.drained()
        return data

    def _wake(self, *, answered: bool) -> None:
        """End the poll that waits: it is answered, or a newer one took its place."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(answered)

    def end(self) -> None:
        """The client asked for the end (DELETE)."""
        self.link.detached(self, clean=True)
        self._waiting.clear()
        self.close(1000, "")
        self._idle.cancel()
        self._forget()

    def _nobody_polls(self) -> None:
        self.link.detached(self, clean=False)
        self.close(1000, "")
        self._forget()
