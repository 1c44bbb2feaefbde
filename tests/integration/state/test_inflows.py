"""What comes into a tenant's rooms, as the nodes tell each other."""

from __future__ import annotations

from tertulia.ids import NodeId, TenantId, new_uuid
from tertulia.redis.client import Redis
from tertulia.state import keys
from tertulia.state.clock import redis_ms
from tertulia.state.inflows import LASTS_MS, TenantInflows


async def test_a_node_hears_of_the_others_and_of_no_other_tenant(redis: Redis) -> None:
    tenant = TenantId(new_uuid())
    one, two, three = (TenantInflows(redis, NodeId(name)) for name in ("n1", "n2", "n3"))
    assert await one.share(tenant, [100, 2_000]) == []
    assert await two.share(tenant, []) == [100, 2_000]
    assert sorted(await three.share(tenant, [7])) == [100, 2_000]
    assert sorted(await two.share(tenant, [5])) == [7, 100, 2_000]
    assert sorted(await one.share(tenant, [300])) == [5, 7]
    assert sorted(await three.share(tenant, [])) == [5, 300]
    assert await one.share(TenantId(new_uuid()), [1]) == []
    key = keys.inflow_keys(tenant).inflow
    assert 0 < await redis.call(key, "PTTL", key) <= LASTS_MS


async def test_a_node_that_says_nothing_more_counts_no_more(redis: Redis) -> None:
    tenant = TenantId(new_uuid())
    key = keys.inflow_keys(tenant).inflow
    await TenantInflows(redis, NodeId("dead")).share(tenant, [9_000])
    one = TenantInflows(redis, NodeId("n1"))
    assert await one.share(tenant, [1]) == [9_000]
    await redis.call(key, "HSET", key, "dead", f"{await redis_ms(redis, key) - LASTS_MS} 9000")
    assert await one.share(tenant, [1]) == []
    assert await redis.call(key, "HLEN", key) == 1
