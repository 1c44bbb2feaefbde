"""How a child shows that its event loop turns: a byte now and then, in a pipe that its parent made."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Final

VARIABLE: Final = "SUPERVISOR_PULSE_FD"
"""The environment variable that names the child's end of the pipe."""
EVERY: Final = 0.5
"""Seconds between two bytes, and between two looks."""
STARTS_WITHIN: Final = 120.0
"""Seconds until a child's first byte: many times what a start takes on a busy machine."""


async def show(env: Mapping[str, str]) -> None:
    """Show it until cancelled; at once no more if nobody wants to know."""
    if VARIABLE not in env:
        return
    descriptor = int(env[VARIABLE])
    os.set_blocking(descriptor, False)
    while True:
        with contextlib.suppress(BlockingIOError):  # the parent stands still, and has enough to read
            os.write(descriptor, b".")
        await asyncio.sleep(EVERY)


class Pulse:
    """The parent's side. Until a child's first byte it starts, which may take :data:`STARTS_WITHIN`."""

    def __init__(self, longest: float, on_turn: Callable[[], None]) -> None:
        """``longest``: seconds without a byte after which the child stands still; ``on_turn`` is called for each.

        Raises:
            OSError: there is no descriptor left.
        """
        self._longest = longest
        self._on_turn = on_turn
        self._reader, self.writer = os.pipe()
        """``writer`` is the child's, to be closed here once that has it."""
        os.set_blocking(self._reader, False)
        self._loop = asyncio.get_running_loop()
        self._turned_at = self._loop.time() + STARTS_WITHIN - longest
        self._loop.add_reader(self._reader, self._on_bytes)

    async def watch(self, on_still: Callable[[], None]) -> None:
        """Call ``on_still`` once, if the child stands still; until cancelled."""
        looked_at = self._loop.time()
        while True:
            await asyncio.sleep(EVERY)
            now = self._loop.time()
            if now - looked_at > 2 * EVERY:
                self._turned_at = max(self._turned_at, now)  # it is this process that stood still
            looked_at = now
            if now - self._turned_at > self._longest:
                on_still()
                return

    def close(self) -> None:
        """The child has ended."""
        self._loop.remove_reader(self._reader)
        os.close(self._reader)

    def _on_bytes(self) -> None:
        if os.read(self._reader, 4096):
            self._turned_at = self._loop.time()
            self._on_turn()
        else:
            self._loop.remove_reader(self._reader)
