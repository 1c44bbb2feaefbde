"""Runs child processes: forwards what they write, starts crashed ones again, stops all of them.

Nothing outlives the supervisor: each child has a parent-death signal, so even kill -9 of the supervisor ends them, and
through them their own children. Use it in the main thread::

    async with Supervisor() as supervisor:
        await supervisor.start(Child("sfu", (sys.executable, "-m", "tertulia", "sfu")))
        await supervisor.until_stopped()

Imports little: it stays resident beside what it runs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from tertulia.errors import TertuliaError
from tertulia.process.lines import Forward
from tertulia.process.spawn import spawn

HOPELESS: Final = 2
"""The exit status of a command that was used or configured wrongly: to start it again would not help."""

CANNOT_START: Final = 126
"""The exit status that shells give a command that cannot be executed."""

FIRST_DELAY: Final = 0.5
LAST_DELAY: Final = 30.0
"""Seconds before a crashed child is started again: doubled each time, so that one that cannot start costs little."""

SETTLED: Final = 60.0
"""Seconds after which a child counts as running well, and its next crash as its first."""


STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ChildFailed(TertuliaError):
    """A child ended that was to run, or ended badly."""

    code = "child_failed"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_status = status
        """What to end with: the child's exit status, or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A command to run. ``name`` stands in front of its output; ``env`` is its whole environment (None: ours)."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    stop_seconds: float = 10.0
    """How long it may take to end after SIGTERM, before SIGKILL."""
    omit: bytes | None = None
    """Lines of its output that hold this are not worth showing."""


@dataclass(eq=False, slots=True)
class _Running:
    """A child and the task that keeps it."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def delay_after(crashes: int) -> float:
    """Seconds to wait after the n-th crash in a row, from 1."""
    return min(FIRST_DELAY * 2.0 ** (crashes - 1), LAST_DELAY)


def describe(status: int) -> str:
    """An exit status in words; negative is a signal, as in ``subprocess``."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class Supervisor:
    """Child processes and what becomes of them. An asynchronous context manager: leaving it stops all.

    ``write`` takes each line of output, without line end. A SIGINT or SIGTERM makes :meth:`until_stopped` return; a
    second one kills at once.
    """

    def __init__(self, write: Callable[[bytes], None] = _write) -> None:
        self._write = write
        self._groups: list[list[_Running]] = []
        self._stop = asyncio.Event()
        self._failure: ChildFailed | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._told)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _told(self) -> None:
        if self._stop.is_set():
            for running in self._all():
                if running.process is not None and running.process.poll() is None:
                    running.process.kill()
        self._stop.set()

    def say(self, text: str) -> None:
        """Write a line of our own."""
        self._line("tertulia", text.encode())

    def _forward(self, child: Child, line: bytes) -> None:
        if child.omit is None or child.omit not in line:
            self._line(child.name, line)

    def _line(self, name: str, line: bytes) -> None:
        try:
            self._write(f"{name:<8} | ".encode() + line)
        except OSError:
            # Nobody reads us any more (a closed pipe or terminal): the same as being told to stop.
            self._stop.set()

    async def start(self, *children: Child) -> None:
        """Start ``children`` and keep them running until :meth:`stop_all`, which stops together what started together.

        Raises OSError if one cannot be started at all.
        """
        group: list[_Running] = []
        self._groups.append(group)
        for child in children:
            running = _Running(child)
            ended = self._spawn(running)
            group.append(running)
            running.keeper = asyncio.create_task(self._keep(running, ended), name=f"keep {child.name}")

    async def run(self, child: Child) -> None:
        """Run ``child`` to its end.

        Raises ChildFailed if its exit status is not 0, OSError if it cannot be started.
        """
        running = _Running(child)
        group = [running]
        self._groups.append(group)
        try:
            status = await asyncio.shield(self._spawn(running))
        finally:
            await self._end(running)
            self._groups.remove(group)
        if status != 0:
            raise ChildFailed(f"{child.name} {describe(status)}", max(status, 1))

    async def until_stopped(self) -> None:
        """Wait for SIGINT or SIGTERM.

        Raises ChildFailed if a child ended in a way that starting it again would not help.
        """
        await self._stop.wait()
        if self._failure is not None:
            raise self._failure

    async def unless_stopped(self, wait: Awaitable[None]) -> bool:
        """Wait for ``wait``; False if told to stop meanwhile.

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
        for running in self._all():
            running.stop.set()
        while self._groups:
            await asyncio.gather(*[self._end(running) for running in self._groups.pop()])

    def _all(self) -> list[_Running]:
        return [running for group in self._groups for running in group]

    def _spawn(self, running: _Running) -> asyncio.Task[int]:
        """Start the process; the task gives its exit status, once its output has been read."""
        child = running.child
        reader, writer = os.pipe()
        try:
            process = spawn(child.argv, env=child.env, output=writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        running.process = process
        running.ended.clear()
        return asyncio.create_task(self._watch(running, process, reader), name=f"watch {child.name}")

    async def _watch(self, running: _Running, process: subprocess.Popen[bytes], reader: int) -> int:
        loop = asyncio.get_running_loop()
        forward = Forward(lambda line: self._forward(running.child, line))
        transport, _ = await loop.connect_read_pipe(lambda: forward, os.fdopen(reader, "rb", buffering=0))
        pidfd = os.pidfd_open(process.pid)
        exited = asyncio.Event()
        loop.add_reader(pidfd, exited.set)
        await exited.wait()
        loop.remove_reader(pidfd)
        os.close(pidfd)
        status = process.wait()
        # A child of its own may hold the pipe a moment longer: what that writes is read, but not waited for.
        await _set_within(forward.done, 1)
        transport.close()
        running.ended.set()
        return status

    async def _keep(self, running: _Running, ended: asyncio.Future[int]) -> None:
        """Start the child again, and again, each time it ends unasked."""
        name, crashes, began = running.child.name, 0, time.monotonic()
        while True:
            status = await asyncio.shield(ended)
            if running.stop.is_set():
                return
            if status == HOPELESS:
                self._failure = ChildFailed(f"{name} could not start", status)
                self._stop.set()
                return
            crashes = 1 if time.monotonic() - began > SETTLED else crashes + 1
            delay = delay_after(crashes)
            self.say(f"{name} {describe(status)}; starting it again in {delay:g} s")
            if await _set_within(running.stop, delay):
                return
            began = time.monotonic()
            ended = self._again(running)

    def _again(self, running: _Running) -> asyncio.Future[int]:
        """As :meth:`_spawn`; one that cannot be started counts as ended (no memory or process to be had, for now)."""
        try:
            return self._spawn(running)
        except OSError as error:
            self.say(f"{running.child.name} cannot be started: {error}")
            failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            failed.set_result(CANNOT_START)
            return failed

    async def _end(self, running: _Running) -> None:
        """SIGTERM, then SIGKILL after the deadline."""
        running.stop.set()
        process = running.process
        if process is not None and not running.ended.is_set():
            process.terminate()
            if not await _set_within(running.ended, running.child.stop_seconds):
                self.say(f"{running.child.name} did not end within {running.child.stop_seconds:g} s: killed")
                process.kill()
                await running.ended.wait()
        if running.keeper is not None:
            await running.keeper
