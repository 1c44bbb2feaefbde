"""The output of a child process, line by line, with its name in front."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

MAX_LINE: Final = 64 * 1024
"""Bytes. A longer line is cut into pieces, so that a child that writes no line end needs no more memory than this."""


class Lines:
    """Cuts bytes into lines. Pure: :meth:`feed` gives those that are complete, :meth:`end` the rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their line ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE:
            lines.append(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]
        return lines

    def end(self) -> list[bytes]:
        """The last line, if it has no line end."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Forward(asyncio.Protocol):
    """Reads a pipe and hands each line to ``write``. ``done`` is set at its end.

    Nothing is queued: where ``write`` is slow the pipe fills, and the child waits (it holds 64 KiB, pipe(7)).
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._lines, self._write = Lines(), write
        self.done = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._hand_on(self._lines.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._hand_on(self._lines.end())
        self.done.set()

    def _hand_on(self, lines: list[bytes]) -> None:
        for line in lines:
            self._write(line)
