"""A line between this machine and a network namespace, whose rate, queue, delay and losses can be set while it is used.

It needs root and ``/dev/net/tun``, and nothing that some kernels lack (netem). Packets pass through a process of their
own, with a TUN device at each end::

    with Line() as line:
        line.set(down=Way(rate=3e5), up=Way(rate=3e5))
        # Programs started with ``line.argv(...)`` reach this machine at ``line.server``, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

START_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Way:
    """One direction."""

    rate: float = 100e6
    """Bits per second, of IP packets."""
    queue: int = 60_000
    """Bytes that wait at most; what comes then is lost."""
    delay: float = 0.02
    """Seconds that a packet takes that does not wait."""
    loss: float = 0.0
    """The share of packets lost besides."""


class Line:
    """See the module."""

    _count = 0

    def __init__(self) -> None:
        Line._count += 1
        number = Line._count
        self.namespace = f"tertulia-line{number}"
        self.server, self._client = f"10.213.{number}.1", f"10.213.{number}.2"
        self._devices = f"tline{number}s", f"tline{number}c"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True)
        _ip("netns", "add", self.namespace)
        argv = [sys.executable, "-m", "tests.browser.line_process", *self._devices]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("a line needs root and /dev/net/tun")
        near, far = self._devices
        _ip("link", "set", far, "netns", self.namespace)
        _ip("addr", "add", self.server, "peer", self._client, "dev", near)
        _ip("link", "set", near, "up", "mtu", "1500")
        inside = ("-n", self.namespace)
        _ip(*inside, "addr", "add", self._client, "peer", self.server, "dev", far)
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "link", "set", far, "up", "mtu", "1500")
        _ip(*inside, "route", "add", "default", "via", self.server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=START_SECONDS)
        _ip("netns", "delete", self.namespace)

    def set(self, down: Way, up: Way) -> None:
        """From now on packets to the namespace, and from it, go like this."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([asdict(down), asdict(up)]) + "\n")
        self._process.stdin.flush()

    def argv(self, program: str, *arguments: str) -> list[str]:
        """The command that runs a program in the namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", program, *arguments]

    def script(self, program: str) -> Path:
        """An executable file that runs a program in the namespace, whatever its arguments."""
        path = Path(tempfile.mkdtemp(prefix="line-")) / Path(program).name
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.argv(program))} "$@"\n')
        path.chmod(0o755)
        return path


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
