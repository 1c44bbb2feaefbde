"""Time and processes: everything that happens is an entry of one queue, in the order of its time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

START: Final = 1_000_000.0
"""When each world begins, in Unix seconds: far enough from 0 that nothing is before the epoch."""


class Process:
    """A hub, an SFU node or Redis: it runs, stands still or is dead. What reaches it while it stands still waits."""

    __slots__ = ("backlog", "is_alive", "is_frozen", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.is_frozen = False
        self.backlog: list[Entry] = []


class Entry:
    """Something that will happen, unless it is cancelled or its process has died by then."""

    __slots__ = ("args", "at", "owner", "run")

    def __init__(self, at: float, owner: Process | None, run: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.at = at
        self.owner = owner
        self.run: Callable[..., None] | None = run
        self.args = args

    def cancel(self) -> None:
        """It will not happen."""
        self.run = None


class Clock:
    """Virtual: it jumps from one entry to the next."""

    __slots__ = ("_count", "_first", "_queue", "now", "steps")

    def __init__(self) -> None:
        self.now = START
        self.steps = 0
        """Entries run so far."""
        self._count = 0
        self._first = 0
        self._queue: list[tuple[float, int, Entry]] = []

    def at(self, when: float, owner: Process | None, run: Callable[..., None], *args: Any) -> Entry:
        """Let ``owner`` (None: the world outside) do something at ``when``; entries of the same time go in order."""
        entry = Entry(when, owner, run, args)
        self._push(when, entry)
        return entry

    def after(self, seconds: float, owner: Process | None, run: Callable[..., None], *args: Any) -> Entry:
        """As :meth:`at`, ``seconds`` from now."""
        return self.at(self.now + seconds, owner, run, *args)

    def run_until(self, when: float) -> None:
        """Let everything happen that is due until then."""
        queue = self._queue
        while queue and queue[0][0] <= when:
            at, _, entry = heapq.heappop(queue)
            self.now = at
            self._run(entry)
        self.now = max(self.now, when)

    def _run(self, entry: Entry) -> None:
        run, owner = entry.run, entry.owner
        if run is None:
            return
        if owner is not None:
            if not owner.is_alive:
                return
            if owner.is_frozen:
                owner.backlog.append(entry)
                return
        self.steps += 1
        run(*entry.args)

    def freeze(self, process: Process) -> None:
        """The process stands still: SIGSTOP, a hung thread, a long collection of garbage."""
        process.is_frozen = True

    def thaw(self, process: Process) -> None:
        """It goes on: what has waited happens now, in order, and before anything else."""
        process.is_frozen = False
        backlog, process.backlog = process.backlog, []
        self._first -= len(backlog)
        for number, entry in enumerate(backlog, self._first):
            heapq.heappush(self._queue, (self.now, number, entry))

    def _push(self, when: float, entry: Entry) -> None:
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, entry))
