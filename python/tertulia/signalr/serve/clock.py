"""Time for many connections with one timer: they wait in slots of half a second, each looked at when its slot comes."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Final

from tertulia.signalr.serve.link import Link

SLOT: Final = 0.5
"""Seconds. A deadline is met by this much late at most."""


class Clock:
    """Runs while any connection waits."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Link]] = {}
        self._reached = 0
        self._timer: asyncio.TimerHandle | None = None

    now = staticmethod(time.monotonic)

    def schedule(self, link: Link) -> None:
        """Look at ``link`` when its deadline is reached; an earlier appointment that it may have stands."""
        deadline = link.core.deadline
        if deadline == math.inf:
            return
        slot = math.ceil(deadline / SLOT)
        if self._timer is None:
            self._reached = math.floor(self.now() / SLOT)
            self._again()
        if self._reached < link.slot <= slot:
            return
        slot = max(slot, self._reached + 1)
        link.slot = slot
        self._slots.setdefault(slot, set()).add(link)

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SLOT, self._strike)

    def _strike(self) -> None:
        until = math.floor(self.now() / SLOT)
        for slot in range(self._reached + 1, until + 1):
            self._reached = slot
            for link in self._slots.pop(slot, ()):
                if link.slot == slot:
                    link.tick()
                    self.schedule(link)
        if self._slots:
            self._again()
        else:
            self._timer = None
