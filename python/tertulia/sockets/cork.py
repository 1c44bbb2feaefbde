"""What many sockets write in one turn of the event loop goes out at its end, with one system call for each socket.

A system call costs more than anything else the hub does for a message. uvloop and picows make one for each write;
under load a turn handles many messages, and members of a room get several frames in it. Alone, a frame waits for
nothing: the turn ends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Write = Callable[[bytes], object]


class Cork:
    """One socket's frames of this turn; ``write`` is its transport's."""

    __slots__ = ("_frames", "_turn", "_write")

    def __init__(self, turn: Turn, write: Write) -> None:
        self._turn = turn
        self._write = write
        self._frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        """Write before the turn ends."""
        frames = self._frames
        if not frames:
            self._turn.add(self)
        frames.append(frame)

    def flush(self) -> None:
        """Write now: something follows that does not go through the cork."""
        frames = self._frames
        if frames:
            self._frames = []
            self._write(frames[0] if len(frames) == 1 else b"".join(frames))

    def drop(self) -> None:
        """Forget what is held: the connection is gone."""
        self._frames = []


class Turn:
    """The corks that hold something. One for an event loop."""

    __slots__ = ("_corks",)

    def __init__(self) -> None:
        self._corks: list[Cork] = []

    def add(self, cork: Cork) -> None:
        """A cork holds its first frame of this turn."""
        if not self._corks:
            asyncio.get_running_loop().call_soon(self._end)
        self._corks.append(cork)

    def _end(self) -> None:
        corks, self._corks = self._corks, []
        for cork in corks:
            cork.flush()
