"""Has the rooms of each tenant share its quota of bits, over all nodes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final

from tertulia.errors import Unavailable
from tertulia.ids import RoomId, TenantId
from tertulia.outage import Outage
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
        self._outage = Outage("what comes into tenants' rooms cannot be shared", "it is shared again")

    async def go_on(self, rooms: Collection[RoomId], now: float) -> None:
        """If it is time: say what comes into the open ``rooms``, hear of the others, and tell the engine."""
        if now < self._due:
            return
        self._due = now + EVERY
        self._shares.keep(rooms)
        tenants = self._shares.tenants()
        heard: list[bool] = []
        for first in range(0, len(tenants), AT_ONCE):
            heard += await asyncio.gather(*map(self._hear, tenants[first : first + AT_ONCE]))
        if tenants and all(heard):
            self._outage.worked()
        for said in self._shares.changed():
            with contextlib.suppress(_sfu.Overloaded, _sfu.Stopped):  # told again in a second
                self._engine.limit(said.room, said.kilobits)
                self._shares.told(said)

    async def _hear(self, tenant: TenantId) -> bool:
        """Whether it could be heard what comes into the tenant's rooms elsewhere; else the last level stays."""
        try:
            elsewhere = await self._inflows.share(tenant, self._shares.inflows(tenant))
        except Unavailable as e:
            self._outage.failed(e, tenant=tenant)
            return False
        self._shares.heard(tenant, elsewhere)
        return True
