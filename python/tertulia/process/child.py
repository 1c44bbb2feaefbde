"""One child process: its command, its output, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tertulia.errors import TertuliaError
from tertulia.process.lines import LineReader
from tertulia.process.pulse import VARIABLE, Pulse
from tertulia.process.spawn import spawn

DRAIN_SECONDS: Final = 1.0
"""How long to read the output of an ended child: a process of its own may still hold the pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A command to run."""

    name: str
    """Is with each line of its output."""
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    """Its whole environment; None: that of this process."""
    stop_seconds: float = 10.0
    """How long it may take to end after SIGTERM, before SIGKILL."""
    still_seconds: float | None = None
    """For how long its event loop may stand still, before SIGKILL; None: it does not show whether it turns."""
    omit: bytes | None = None
    """Lines of its output that contain this are not shown."""


class ChildFailed(TertuliaError):
    """A child ended that was to run, or ended with an error."""

    code = "child_failed"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_status = status


def describe(status: int) -> str:
    """An exit status in words; negative is a signal, as in ``subprocess``."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


class Process:
    """A child that runs, from its start to its end."""

    def __init__(
        self, child: Child, write: Callable[[bytes], None], on_turn: Callable[[], None] = lambda: None
    ) -> None:
        """Start ``child``; ``write`` gets each line of its output. ``on_turn`` is called when it shows that it turns.

        Raises:
            OSError: it cannot be started.
        """
        self._stop_seconds = child.stop_seconds
        self._write = write
        reader, writer = os.pipe()
        try:
            self._popen, pulse = _spawned(child, writer, on_turn)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.ended = asyncio.create_task(_until_ended(self._popen, reader, write), name=f"run {child.name}")
        if pulse is not None:
            watching = asyncio.create_task(pulse.watch(self._stands_still), name=f"watch {child.name}")
            self.ended.add_done_callback(lambda _: watching.cancel())
            self.ended.add_done_callback(lambda _: pulse.close())
        """Gives the exit status, once the output has been read. Not to be cancelled."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def _stands_still(self) -> None:
        self._write(b"stands still: it is killed")
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._popen.poll() is None:
            self._popen.kill()

    async def stop(self) -> bool:
        """Send SIGTERM, and SIGKILL at the child's deadline; returns whether SIGTERM was enough."""
        if self.ended.done():
            return True
        self._popen.terminate()
        in_time, _ = await asyncio.wait({self.ended}, timeout=self._stop_seconds)
        if not in_time:
            self._popen.kill()
            await asyncio.wait({self.ended})
        return bool(in_time)


def _spawned(child: Child, output: int, on_turn: Callable[[], None]) -> tuple[subprocess.Popen[bytes], Pulse | None]:
    if child.still_seconds is None:
        return spawn(child.argv, env=child.env, output=output), None
    pulse = Pulse(child.still_seconds, on_turn)
    try:
        env = {**(os.environ if child.env is None else child.env), VARIABLE: str(pulse.writer)}
        return spawn(child.argv, env=env, output=output, keep=(pulse.writer,)), pulse
    except BaseException:
        pulse.close()
        raise
    finally:
        os.close(pulse.writer)


async def _until_ended(popen: subprocess.Popen[bytes], reader: int, write: Callable[[bytes], None]) -> int:
    loop = asyncio.get_running_loop()
    output = LineReader(write)
    transport, _ = await loop.connect_read_pipe(lambda: output, os.fdopen(reader, "rb", buffering=0))
    pidfd = os.pidfd_open(popen.pid)
    exited = asyncio.Event()
    loop.add_reader(pidfd, exited.set)
    await exited.wait()
    loop.remove_reader(pidfd)
    os.close(pidfd)
    status = popen.wait()
    await is_set_within(output.done, DRAIN_SECONDS)
    transport.close()
    return status


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for ``event``; False: it did not come in time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
