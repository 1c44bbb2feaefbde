"""How much is done in one turn of an event loop: what comes at once from many must not hold up everybody else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Pace:
    """So many pieces of work in one turn; the rest in the next ones, in order, with I/O between them. Whoever asks
    bounds how many may wait."""

    __slots__ = ("_each_turn", "_is_turning", "_left", "_waiting")

    def __init__(self, each_turn: int) -> None:
        self._each_turn = each_turn
        self._left = each_turn
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_turning = False
        """The end of this turn is awaited."""

    @property
    def has_room(self) -> bool:
        """Whether more can be done in this turn."""
        return self._left > 0

    def run(self, work: Callable[[], None]) -> None:
        """Do ``work`` now if there is room, else when its turn comes: what it needs may be gone by then."""
        self._await_turn()
        if self._left:
            self._left -= 1
            work()
        else:
            self._waiting.append(work)

    def _await_turn(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turning = False
        self._left = self._each_turn
        if self._waiting:
            self._await_turn()
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft()()
