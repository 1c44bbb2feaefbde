"""A server that runs as a child of the tests: with a log, with deadlines, gone with the test run."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tertulia.process.spawn import spawn
from tests.processes import below

START_SECONDS = 60.0
"""What starts in 3 s takes ten times that on a machine where ten others compile; twice that again is a failure."""
STOP_SECONDS = 15.0
PORTS = range(22_000, 32_000)
"""Below those that the kernel gives to whoever takes any (ip(7), ip_local_port_range)."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 for a server that cannot be told to take any. It stays free until the server has started: of
    the tests on this machine, nobody gets it again before all others had their turn."""
    with (Path(tempfile.gettempdir()) / f"tertulia-tests-port-{os.getuid()}").open("a+") as last:
        fcntl.flock(last, fcntl.LOCK_EX)
        last.seek(0)
        following = int(last.read() or PORTS.start) + 1 - PORTS.start
        ports = (PORTS[(following + skipped) % len(PORTS)] for skipped in range(len(PORTS)))
        port = next(port for port in ports if is_free(port, kind))
        last.truncate(0)
        last.write(str(port))
    return port


def is_free(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Whether a server may take this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class ServerFailed(AssertionError):
    """A server did not start, or ended by itself. The message ends with its log."""


@dataclass
class Server:
    """One child process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path
    stop_signal: signal.Signals = signal.SIGTERM
    is_ready: Callable[[], bool] = lambda: True
    """Whether it serves."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(errors="replace")

    def fail(self, what: str) -> ServerFailed:
        return ServerFailed(f"{self.name} {what}. The end of its log:\n{self.log()[-4000:]}")

    def wait_until(self, ready: Callable[[], bool], *, deadline: float = START_SECONDS, what: str = "be ready") -> None:
        """Ask ``ready`` until it is true; ServerFailed after ``deadline`` seconds, or when the process has ended."""
        end = time.monotonic() + deadline
        while not ready():
            if self.process.poll() is not None:
                raise self.fail(f"ended with {self.process.returncode}")
            if time.monotonic() > end:
                raise self.fail(f"did not {what} within {deadline:.0f} s")
            time.sleep(0.02)  # another process: there is nothing to await

    def wait_until_ready(self) -> None:
        """Wait until it serves."""
        self.wait_until(self.is_ready)

    def wait_for_log(self, text: str, *, deadline: float = START_SECONDS) -> None:
        """Wait until ``text`` is in the log."""
        self.wait_until(lambda: text in self.log(), deadline=deadline, what=f"write {text!r}")

    def wait(self, deadline: float = START_SECONDS) -> int:
        """Wait for its end and give the exit status, negative for a signal. It may have to start first."""
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise self.fail(f"did not end within {deadline:.0f} s") from None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, deadline: float = STOP_SECONDS) -> int:
        """Ask it to end; ServerFailed (and SIGKILL) if it does not."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            return self.wait(deadline)
        except ServerFailed:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9, and wait, also for what is below it, which dies with it."""
        if self.process.poll() is None:
            left = [descriptor for pid in below(self.pid)[1:] if (descriptor := _pidfd(pid)) is not None]
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            assert all_end(left), f"something below {self.name} outlives it"


def _pidfd(pid: int) -> int | None:
    """None: the process has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


@contextmanager
def running(
    name: str,
    argv: Sequence[str],
    directory: Path,
    *,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[Server]:
    """Run ``argv`` with its log in ``directory`` and end it afterwards."""
    descriptor, path = tempfile.mkstemp(prefix=f"{name.replace(' ', '-')}-", suffix=".log", dir=directory)
    with os.fdopen(descriptor, "wb") as log:
        process = spawn(argv, env=env, output=log, user=user, death_signal=signal.SIGKILL)
    server = Server(name, process, Path(path), stop_signal)
    try:
        yield server
    finally:
        try:
            if process.poll() is None:
                server.stop()
        finally:
            server.kill()


def program(name: str, package: str, *places: str) -> str:
    """The path of a program that a Debian package brings."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *places]))
    if path is None:
        raise ServerFailed(f"{name} is missing: apt-get install {package}")
    return path


def all_end(pidfds: Sequence[int], *, deadline: float = STOP_SECONDS) -> bool:
    """Whether every process behind ``pidfds`` (pidfd_open(2)) ends in time. Closes them."""
    waiting, end = set(pidfds), time.monotonic() + deadline
    while waiting:
        ended, _, _ = select.select(waiting, [], [], max(0.0, end - time.monotonic()))
        if not ended:
            break
        waiting -= set(ended)
    for descriptor in pidfds:
        os.close(descriptor)
    return not waiting
