"""Has the rooms of each tenant share its quota of bits, over all nodes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final

from tertulia.ids import RoomId, TenantId
from tertulia.sfu import _sfu
from tertulia.sfu.shares import Shares
from tertulia.state.inflows import TenantInflows

EVERY: Final = 1.0
"""Seconds: as often as the engine says what comes into rooms."""
AT_ONCE: Final = 100
"""Tenants asked for in one turn."""


class Sharing:
    """One node's part in it. ``now`` is in seconds and never runs backwards."""

    def __init__(self, shares: Shares, inflows: TenantInflows, engine: _sfu.Sfu) -> None:
        self._shares = shares
        self._inflows = inflows
        self._engine = engine
        self._due = 0.0

    async def go_on(self, rooms: Collection[RoomId], now: float) -> None:
        """If it is time: say what comes into the open ``rooms``, hear of the others, and tell the engine.

        Raises:
            Unavailable: Redis does not answer; the last shares stay.
        """
        if now < self._due:
            return
        self._due = now + EVERY
        self._shares.keep(rooms)
        tenants = self._shares.tenants()
        for first in range(0, len(tenants), AT_ONCE):
            await asyncio.gather(*map(self._hear, tenants[first : first + AT_ONCE]))
        for said in self._shares.changed():
            with contextlib.suppress(_sfu.Overloaded, _sfu.Stopped):  # told again in a second
                self._engine.limit(said.room, said.kilobits)
                self._shares.told(said)

    async def _hear(self, tenant: TenantId) -> None:
        elsewhere = await self._inflows.share(tenant, self._shares.inflows(tenant))
        self._shares.heard(tenant, elsewhere)
