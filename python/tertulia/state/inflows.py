"""What comes into the rooms of a tenant on all SFU nodes, where it has a quota of bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tertulia.ids import NodeId, TenantId
from tertulia.redis.client import Redis
from tertulia.state import keys, scripts

LASTS_MS: Final = 4_000
"""How long what a node has said counts: until it would be forgotten as a node, too."""


class TenantInflows:
    """One node's view of them."""

    def __init__(self, redis: Redis, node: NodeId) -> None:
        self._redis = redis
        self._node = node

    async def share(self, tenant: TenantId, mine: Iterable[int]) -> list[int]:
        """Say what comes into each room of the tenant here, in kbit/s; what comes into those elsewhere.

        Raises:
            Unavailable: Redis does not answer.
        """
        said = scripts.ShareInflow(LASTS_MS, self._node, " ".join(map(str, mine)))
        others = await self._redis.run(scripts.SHARE_INFLOW, keys.inflow_keys(tenant), said)
        return [int(rate) for node in others for rate in node.split()]
