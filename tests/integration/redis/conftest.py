"""A hub's view of Redis: its room state and channels."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = await connect_redis(redis_url)
    yield client
    await client.close()


@pytest.fixture
async def channels(redis: Redis) -> AsyncIterator[Channels]:
    made = Channels(redis)
    yield made
    await made.close()
