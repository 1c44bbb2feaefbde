"""The base of the transports on ASGI: what is written waits in a bounded queue until the server takes it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import NamedTuple

from tertulia.signalr.serve.connection import NORMAL, HubConnection


class Frame(NamedTuple):
    """A message that waits. ``binary``: it goes out as bytes, else as UTF-8 text."""

    data: bytes
    binary: bool


class Closing(NamedTuple):
    """How the transport is to end: a WebSocket close code and its reason."""

    code: int
    reason: str


class QueuedTransport(ABC):
    """A :class:`~.transport.Transport`. ``bound``: bytes that may wait; beyond, the connection is closed."""

    def __init__(self, connection: HubConnection, bound: int) -> None:
        self.connection = connection
        self._bound = bound
        self._waiting: list[Frame] = []
        self._size = 0
        """Bytes that have not gone out, those that were dropped included."""
        self._closing: Closing | None = None
        self._readable = asyncio.Event()
        self._readable.set()

    # --- what the connection asks

    def write(self, frame: bytes, binary: bool) -> None:
        """Queue a message."""
        if self._closing is not None:
            return
        self._waiting.append(Frame(frame, binary))
        self._size += len(frame)
        if self._size > self._bound:
            # Not now: the application may be in the middle of something.
            asyncio.get_running_loop().call_soon(self._overflow)
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """End once everything that waits has been handed over."""
        if self._closing is None:
            self._closing = Closing(code, reason)
            self._readable.set()
            self._wake()

    def pause(self) -> None:
        """Deliver nothing more from the client for now."""
        self._readable.clear()

    def resume(self) -> None:
        """Deliver again."""
        self._readable.set()

    @property
    def unsent(self) -> bool:
        """Whether something waits, or was dropped."""
        return self._size > 0

    @property
    def congested(self) -> bool:
        """Whether so much waits that senders should wait, too."""
        return self._size > self._bound // 4

    # --- for the transports

    @abstractmethod
    def _wake(self) -> None:
        """There is something to take, or the end."""

    def _take(self) -> list[Frame]:
        """Everything that waits; say :meth:`_sent` when it has gone out."""
        frames, self._waiting = self._waiting, []
        return frames

    def _sent(self, size: int) -> None:
        """So many bytes have gone out."""
        self._size -= size
        self.connection.drained()

    def _overflow(self) -> None:
        if self._closing is None:
            self._waiting.clear()
            self.connection.give_up()


class PostedTransport(QueuedTransport):
    """One whose client sends by POST."""

    def __init__(self, connection: HubConnection, bound: int) -> None:
        super().__init__(connection, bound)
        self._posting = asyncio.Lock()
        """Held by the POST whose body is being read, so that bodies are read one after the other."""

    async def receive(self, chunks: AsyncIterator[bytes]) -> None:
        """Take the body of a POST."""
        async with self._posting:
            async for data in chunks:
                await self._readable.wait()
                self.connection.receive(data)

    def _take_text(self) -> bytes:
        """Everything that waits, in one piece."""
        return b"".join(frame.data for frame in self._take())

    def _abandon(self, *, clean: bool) -> None:
        """The client will not come back to this transport."""
        self.connection.detached(self, clean=clean)
        self._waiting.clear()
        self.close(NORMAL, "")
