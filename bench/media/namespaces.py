"""Two network namespaces with a pair of Ethernet devices between them: a machine for the SFU, one for the people."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

SFU: Final = "10.214.0.1"
PEOPLE: Final = "10.214.0.2"


class Namespaces:
    """Made on entering, gone on leaving, as root. Each side runs on one core of its own."""

    def __init__(self, sfu_core: int, people_core: int) -> None:
        self._sfu = (f"tertulia-sfu-{os.getpid()}", sfu_core)
        self._people = (f"tertulia-people-{os.getpid()}", people_core)
        self._made = ExitStack()

    def __enter__(self) -> Self:
        (sfu, _), (people, _) = self._sfu, self._people
        with ExitStack() as made:
            for name in (sfu, people):
                _ip("netns", "add", name)
                made.callback(_ip, "netns", "delete", name)
            _ip("link", "add", "veth", "netns", sfu, "type", "veth", "peer", "name", "veth", "netns", people)
            for name, address in ((sfu, SFU), (people, PEOPLE)):
                _ip("-n", name, "addr", "add", f"{address}/24", "dev", "veth")
                for device in ("lo", "veth"):
                    _ip("-n", name, "link", "set", device, "up")
            self._made = made.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._made.close()

    def at_sfu(self, *argv: str) -> list[str]:
        """The command that runs a program on the SFU's side."""
        return _inside(*self._sfu, argv)

    def at_people(self, *argv: str) -> list[str]:
        """The command that runs a program on the people's side."""
        return _inside(*self._people, argv)

    def listens(self, port: int) -> bool:
        """Whether something on the SFU's side takes TCP connections at the port."""
        attempt = self.at_people("bash", "-c", f"exec 3<>/dev/tcp/{SFU}/{port}")
        return subprocess.run(attempt, check=False, capture_output=True, timeout=5).returncode == 0


def _inside(namespace: str, core: int, argv: tuple[str, ...]) -> list[str]:
    return ["taskset", "-c", str(core), "nsenter", f"--net=/run/netns/{namespace}", *argv]


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench.media needs root and iproute2: ip {' '.join(arguments)}: {done.stderr.strip()}")
