"""One timer for the deadlines of many connections, which wait in slots of half a second."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Final

from tertulia.signalr.serve.connection import HubConnection

_log: Final = logging.getLogger(__name__)

SLOT: Final = 0.5
"""Seconds: how late a deadline may be noticed."""


class Clock:
    """Runs while any connection waits."""

    def __init__(self) -> None:
        self._slots: dict[int, set[HubConnection]] = {}
        self._reached = 0
        self._timer: asyncio.TimerHandle | None = None

    now = staticmethod(time.monotonic)

    def schedule(self, connection: HubConnection) -> None:
        """Tick ``connection`` when its deadline is reached; if it is already due earlier, that stays."""
        deadline = connection.core.deadline
        if deadline == math.inf:
            return
        slot = math.ceil(deadline / SLOT)
        if self._timer is None:
            self._reached = math.floor(self.now() / SLOT)
            self._again()
        if self._reached < connection.slot <= slot:
            return
        slot = max(slot, self._reached + 1)
        connection.slot = slot
        self._slots.setdefault(slot, set()).add(connection)

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SLOT, self._strike)

    def _strike(self) -> None:
        until = math.floor(self.now() / SLOT)
        for slot in range(self._reached + 1, until + 1):
            self._reached = slot
            for connection in self._slots.pop(slot, ()):
                if connection.slot == slot:
                    self._tick(connection)
        if self._slots:
            self._again()
        else:
            self._timer = None

    def _tick(self, connection: HubConnection) -> None:
        try:
            connection.tick()
        except Exception:  # noqa: BLE001 - a fault of ours in one: the others have deadlines, too
            _log.exception("a deadline of a SignalR connection could not be handled")
        self.schedule(connection)
