"""Runs child processes: shows what they write, restarts those that end, stops all of them.

Nothing outlives the supervisor: each child has a parent-death signal, so even kill -9 of the supervisor ends them, and
through them their own children. Use it in the main thread::

    async with Supervisor() as supervisor:
        await supervisor.start(Child(name="sfu", argv=(sys.executable, "-m", "tertulia", "sfu")))
        await supervisor.until_stopped()

It imports little, as it stays in memory beside what it runs.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final, Self

from tertulia.errors import ConfigError
from tertulia.process.child import Child, ChildFailed, Process, describe, is_set_within
from tertulia.process.lines import with_name

CANNOT_START: Final = 126
"""The exit status that shells give a command that cannot be executed."""

FIRST_DELAY: Final = 0.5
LAST_DELAY: Final = 30.0
"""Seconds before a child that ended is restarted. They double each time, so that one that cannot run costs little."""

SETTLED_SECONDS: Final = 60.0
"""A child that has run for so long runs well: when it ends, the delays begin again."""

LAST_WORDS: Final = b"tertulia: "
"""How a line begins by which a command of ours says why it ends: that is told with its end, not shown as a line."""

LAST_WORDS_SECONDS: Final = 2.0
"""A child that has not ended so long after such a line goes on running."""

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _stop_signals() -> list[signal.Signals]:
    """Those to listen to: whoever starts this by nohup(1) wants it to outlive the terminal."""
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in STOP_SIGNALS if not (is_kept and number == signal.SIGHUP)]


def delay_after(crashes: int) -> float:
    """Seconds to wait after the n-th end in a row, from 1."""
    return min(FIRST_DELAY * 2.0 ** min(crashes - 1, 10), LAST_DELAY)


class _Kept:
    """A child and its present process. ``keeper`` restarts it; None: it is to run once."""

    def __init__(self, child: Child, show: Callable[[str, bytes], None]) -> None:
        self.child = child
        self.process: Process | None = None
        self.stopping = asyncio.Event()
        self.keeper: asyncio.Task[None] | None = None
        self._show = show
        self._words: bytes | None = None
        """What may be its last words: the newest line, if it began like that."""
        self._soon: asyncio.TimerHandle | None = None

    def write(self, line: bytes) -> None:
        """A line of its output."""
        self.show_words()
        if line.startswith(LAST_WORDS):
            self._words = line
            self._soon = asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, self.show_words)
        elif self.child.omit is None or self.child.omit not in line:
            self._show(self.child.name, line)

    def last_words(self) -> str:
        """What it said last of why it ends, for whoever asks to tell."""
        words = self._taken()
        return "" if words is None else words.removeprefix(LAST_WORDS).decode(errors="replace")

    def show_words(self) -> None:
        """Show them as any line, where they were not the last, or nobody told of its end."""
        words = self._taken()
        if words is not None:
            self._show(self.child.name, words)

    def why(self, what: str) -> str:
        """What has become of the child, and why."""
        return f"{self.child.name} {what}: {self.last_words() or 'see its last lines above'}"

    def _taken(self) -> bytes | None:
        if self._soon is not None:
            self._soon.cancel()
        words, self._words, self._soon = self._words, None, None
        return words


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


class Supervisor:
    """A number of children. An asynchronous context manager: leaving it stops them all.

    ``write`` gets each line of output, without its line end, as ``show`` has marked it. SIGINT, SIGTERM or SIGHUP makes
    :meth:`until_stopped` return; a second one kills all children. SIGHUP that is ignored stays so.
    """

    def __init__(
        self, write: Callable[[bytes], None] = _write, show: Callable[[str, bytes], bytes] = with_name
    ) -> None:
        self._write = write
        self._show = show
        self._turned = asyncio.Event()
        self._groups: list[list[_Kept]] = []
        self._stop = asyncio.Event()
        self._failure: ChildFailed | None = None
        self._stop_signals = _stop_signals()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in self._stop_signals:
            loop.add_signal_handler(number, self._signalled)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()
        for number in self._stop_signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _signalled(self) -> None:
        if self._stop.is_set():
            for kept in self._all():
                if kept.process is not None:
                    kept.process.kill()
        self._stop.set()

    def say(self, text: str) -> None:
        """Write a line of the supervisor's own."""
        self._line("tertulia", text.encode())

    def _line(self, name: str, line: bytes) -> None:
        try:
            self._write(self._show(name, line))
        except OSError:
            # A closed pipe or terminal: nobody reads this any more, which is as good as a signal to stop.
            self._stop.set()

    async def start(self, *children: Child) -> None:
        """Start ``children`` and keep them running. :meth:`stop_all` stops together what was started together.

        Raises:
            OSError: one cannot be started at all.
        """
        group: list[_Kept] = []
        self._groups.append(group)
        for child in children:
            kept = _Kept(child, self._line)
            process = self._start(kept)
            group.append(kept)
            kept.keeper = asyncio.create_task(self._keep(kept, process), name=f"keep {child.name}")

    async def until_one_turns(self) -> None:
        """Wait until a child with ``still_seconds`` has shown that it turns."""
        await self._turned.wait()

    async def run(self, child: Child) -> None:
        """Run ``child`` to its end.

        Raises:
            ChildFailed: its exit status is not 0.
            OSError: it cannot be started.
        """
        kept = _Kept(child, self._line)
        process = self._start(kept)
        group = [kept]
        self._groups.append(group)
        try:
            status = await asyncio.shield(process.ended)
            if status != 0:
                raise ChildFailed(kept.why(describe(status)), max(status, 1))
        finally:
            await self._end(kept)
            self._groups.remove(group)

    async def until_stopped(self) -> None:
        """Wait for a signal to stop.

        Raises:
            ChildFailed: a child ended with an error that restarting it would not mend.
        """
        await self._stop.wait()
        if self._failure is not None:
            raise self._failure

    async def unless_stopped(self, wait: Awaitable[None]) -> bool:
        """Wait for ``wait``; False if a signal to stop comes first.

        Raises what ``wait`` raises, and ChildFailed as :meth:`until_stopped` does.
        """
        waiting = asyncio.ensure_future(wait)
        stopped = asyncio.ensure_future(self.until_stopped())
        try:
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                await stopped
                return False
            await waiting
            return True
        finally:
            for task in (waiting, stopped):
                task.cancel()
            await asyncio.gather(waiting, stopped, return_exceptions=True)

    async def stop_all(self) -> None:
        """Stop the children, the last started first, each within its deadline."""
        for kept in self._all():
            kept.stopping.set()
        while self._groups:
            await asyncio.gather(*[self._end(kept) for kept in self._groups.pop()])

    def _all(self) -> list[_Kept]:
        return [kept for group in self._groups for kept in group]

    def _start(self, kept: _Kept) -> Process:
        process = kept.process = Process(kept.child, kept.write, self._turned.set)
        return process

    async def _keep(self, kept: _Kept, process: Process | None) -> None:
        """Restart the child whenever it ends unasked."""
        name, crashes, began = kept.child.name, 0, time.monotonic()
        while True:
            status = await asyncio.shield(process.ended) if process is not None else CANNOT_START
            if kept.stopping.is_set():
                return
            if status == ConfigError.exit_status:
                self._failure = ChildFailed(kept.why("could not start"), status)
                self._stop.set()
                return
            crashes = 1 if time.monotonic() - began > SETTLED_SECONDS else crashes + 1
            delay = delay_after(crashes)
            words = kept.last_words()
            because = f" ({words})" if words else ""
            self.say(f"{name} {describe(status)}{because}; starting it again in {delay:g} s")
            if await is_set_within(kept.stopping, delay):
                return
            began = time.monotonic()
            process = self._restarted(kept)

    def _restarted(self, kept: _Kept) -> Process | None:
        """None: it cannot be started now, for want of memory perhaps."""
        try:
            return self._start(kept)
        except OSError as error:
            kept.process = None
            self.say(f"{kept.child.name} cannot be started: {error}")
            return None

    async def _end(self, kept: _Kept) -> None:
        kept.stopping.set()
        if kept.process is not None and not await kept.process.stop():
            self.say(f"{kept.child.name} did not end within {kept.child.stop_seconds:g} s and was killed")
        if kept.keeper is not None:
            await kept.keeper
        kept.show_words()
