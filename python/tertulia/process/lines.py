"""The output of child processes, line by line, and how a line says whose it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

MAX_LINE: Final = 64 * 1024
"""Bytes. A longer line is cut, so that a child that never ends a line needs no more memory than this."""


def with_name(name: str, line: bytes) -> bytes:
    """For people: the name stands in front of the line."""
    return f"{name:<8} | ".encode() + line


def as_json(name: str, line: bytes) -> bytes:
    """For machines: one JSON object, with the name as ``process``. What is none becomes the ``event`` of one."""
    try:
        said = json.loads(line, parse_constant=str)  # NaN is no JSON
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        said = {"event": line.decode(errors="replace"), "level": "warning", "timestamp": at}
    return json.dumps({"process": name} | said, ensure_ascii=False).encode(errors="replace")


class Lines:
    """Cuts bytes into lines, without their line ends."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE:
            lines.append(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]
        return lines

    def end(self) -> list[bytes]:
        """The last line, if it was not ended."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class LineReader(asyncio.Protocol):
    """Reads a pipe and passes each line to ``write``. ``done`` is set at its end.

    Nothing is queued: while ``write`` blocks, the pipe (64 KiB, pipe(7)) fills up and the child waits.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._lines, self._write = Lines(), write
        self.done = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """More output has come."""
        self._pass_on(self._lines.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """The pipe was closed."""
        self._pass_on(self._lines.end())
        self.done.set()

    def _pass_on(self, lines: list[bytes]) -> None:
        for line in lines:
            self._write(line)
