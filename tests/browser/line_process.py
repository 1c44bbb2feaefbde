"""Carries the packets of a :class:`tests.browser.line.Line`: ``python -m tests.browser.line_process NEAR FAR``.

Each line of standard input sets both directions; at its end, the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import selectors
import struct
import sys
import time
from collections import deque
from typing import Any, Final

from tests.browser.line import Way

_TUNSETIFF: Final = 0x400454CA
_TUN_WITHOUT_HEADER: Final = 0x1001
_NICE: Final = -10
"""A line does not stall because the programs at its ends have much to do."""


class Direction:
    """Packets that go one way: they wait for the line, then are under way."""

    def __init__(self, source: int, sink: int, seed: int) -> None:
        self.source, self._sink = source, sink
        self._random = random.Random(seed)
        self._way = Way()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._free = 0.0
        self._flying: deque[tuple[float, bytes]] = deque()

    def set(self, now: float, way: Way) -> None:
        """What waits goes at the new rate."""
        self.turn(now)
        if self._waiting:
            self._free = now + (self._free - now) * self._way.rate / way.rate
        self._way = way

    def take(self, now: float) -> None:
        """Reads a packet from the near end."""
        packet = os.read(self.source, 65536)
        if self._bytes > self._way.queue or self._random.random() < self._way.loss:
            return
        if not self._waiting:
            self._free = now + self._seconds(packet)
        self._waiting.append(packet)
        self._bytes += len(packet)

    def turn(self, now: float) -> None:
        """Does what is due by now."""
        while self._waiting and self._free <= now:
            packet = self._waiting.popleft()
            self._bytes -= len(packet)
            self._flying.append((self._free + self._way.delay, packet))
            if self._waiting:
                self._free += self._seconds(self._waiting[0])
        while self._flying and self._flying[0][0] <= now:
            try:
                os.write(self._sink, self._flying.popleft()[1])
            except OSError:  # the namespace is being set up or taken down
                return

    def next(self) -> float:
        """When :meth:`turn` is to be called."""
        waiting = self._free if self._waiting else float("inf")
        return min(waiting, self._flying[0][0] if self._flying else float("inf"))

    def _seconds(self, packet: bytes) -> float:
        return len(packet) * 8 / self._way.rate


def _tun(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_WITHOUT_HEADER))
    return descriptor


def _settings() -> list[Any] | None:
    """What one line says; ``None`` at the end."""
    line = sys.stdin.readline()
    settings: list[Any] | None = json.loads(line) if line else None
    return settings


def main() -> None:
    near, far = (_tun(name) for name in sys.argv[1:])
    with contextlib.suppress(PermissionError):
        os.nice(_NICE)
    directions = Direction(near, far, 1), Direction(far, near, 2)
    selector = selectors.DefaultSelector()
    for direction in directions:
        selector.register(direction.source, selectors.EVENT_READ, direction)
    selector.register(sys.stdin, selectors.EVENT_READ)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        due = min(direction.next() for direction in directions)
        for key, _ in selector.select(max(0.0, min(due - time.monotonic(), 3600))):
            if key.data is not None:
                key.data.take(time.monotonic())
            elif (settings := _settings()) is None:
                return
            else:
                for direction, way in zip(directions, settings, strict=True):
                    direction.set(time.monotonic(), Way(**way))
        for direction in directions:
            direction.turn(time.monotonic())


if __name__ == "__main__":
    main()
