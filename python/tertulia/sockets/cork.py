"""What sockets write in one turn of the event loop is sent at its end, with one system call for each socket.

A system call costs more than anything else the hub does for a message, and uvloop and picows make one for each write.
Under load a turn handles many messages, and members of a room get several frames in it. A lone frame is not delayed:
its turn ends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

Write = Callable[[bytes], object]

_log: Final = structlog.get_logger(__name__)


class Cork:
    """What one socket has to send in this turn; ``write`` is its transport's."""

    __slots__ = ("_frames", "_turn", "_write")

    def __init__(self, turn: Turn, write: Write) -> None:
        self._turn = turn
        self._write = write
        self._frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        """Send ``frame`` when the turn ends, or at the next flush."""
        frames = self._frames
        if not frames:
            self._turn.add(self)
        frames.append(frame)

    def flush(self) -> None:
        """Send now: what follows does not go through the cork."""
        frames = self._frames
        if frames:
            self._frames = []
            self._write(frames[0] if len(frames) == 1 else b"".join(frames))

    def drop(self) -> None:
        """Discard what is held: the connection is gone."""
        self._frames = []


class Turn:
    """The corks that hold something; one for each event loop."""

    __slots__ = ("_corks",)

    def __init__(self) -> None:
        self._corks: list[Cork] = []

    def add(self, cork: Cork) -> None:
        """Flush ``cork`` when this turn ends."""
        if not self._corks:
            asyncio.get_running_loop().call_soon(self._end)
        self._corks.append(cork)

    def _end(self) -> None:
        corks, self._corks = self._corks, []
        for cork in corks:
            try:
                cork.flush()
            except Exception as e:  # noqa: BLE001 - of a socket that is ending, which the others are not to suffer for
                _log.info("a socket takes nothing more", error=str(e))
